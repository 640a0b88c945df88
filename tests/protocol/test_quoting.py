"""Quoted strings of the helper dialect."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.quoting import quote, unquote


@given(text=st.binary())
def test_quoted_text_is_unquoted_unchanged(text: bytes) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert not re.search(rb"[\x00-\x1f\x7f]", quoted)


@pytest.mark.parametrize(
    ("escape", "meaning"),
    [
        (rb"\r", b"\r"),
        (rb"\n", b"\n"),
        (rb"\e", b"\n"),
        (rb"\t", b"\t"),
        (rb"\"", b'"'),
        (rb"\\", b"\\"),
        (rb"\000", b"\0"),
        (rb"\065", b"A"),
        (rb"\255", b"\xff"),
    ],
)
def test_each_escape_has_its_meaning(escape: bytes, meaning: bytes) -> None:
    assert unquote(b'"a' + escape + b'1"') == b"a" + meaning + b"1"
