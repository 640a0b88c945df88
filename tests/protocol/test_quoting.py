"""Quoted strings of the helper dialect."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.quoting import quote, unquote


@given(text=st.binary())
def test_quoted_text_is_unquoted_unchanged(text: bytes) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert not re.search(rb"[\x00-\x1f\x7f]", quoted)
