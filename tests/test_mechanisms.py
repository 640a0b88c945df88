"""CRAM-MD5 contexts."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from extauth.mechanisms import EMPTY_PASSWORD_CONTEXT, CramMd5Context
from extauth.model import Secret


def test_no_representation_shows_a_context() -> None:
    context = CramMd5Context.of(Secret(b"x"))
    assert f"{context} {context!r} {context.__rich_repr__()}" == "CramMd5Context(***) CramMd5Context(***) [('', '***')]"


@pytest.mark.parametrize("states", [b"", b"x" * 31, b"x" * 33, "x" * 32])
def test_a_context_of_another_length_is_refused(states: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CramMd5Context(states)


@pytest.mark.parametrize("size", [0, 1, 54, 55, 56, 63, 64, 65, 1000])
def test_the_hmac_of_a_context_equals_that_of_hashlib(size: int) -> None:
    password, text = b"p" * size, b"t" * size
    assert CramMd5Context.of(Secret(password)).hmac(text) == hmac.digest(password, text, hashlib.md5)


def test_contexts_match_if_they_are_of_one_password() -> None:
    assert CramMd5Context.of(Secret(b"")).matches(EMPTY_PASSWORD_CONTEXT)
    assert not CramMd5Context.of(Secret(b"x")).matches(EMPTY_PASSWORD_CONTEXT)


@pytest.mark.parametrize("other", ["open sesame", b"open sesame"])
def test_comparing_a_secret_with_text_is_an_error(other: object) -> None:
    with pytest.raises(TypeError, match="matches"):
        _ = Secret(b"open sesame") == other
