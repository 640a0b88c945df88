"""Clear text and CRAM-MD5 contexts, which mechanisms can use."""

from __future__ import annotations

import pytest

from extauth.mechanisms import CramMd5Context
from extauth.model import Secret, Verdict
from tests.passwords.checks import PASSWORD, identified, refused, verdict
from tests.passwords.stored_passwords import doveadm


@pytest.mark.parametrize("password", [b"{", b"{SHA", b"$6", b"$", b"*word", b"xx", b"0", b" ", b"a b ", b"\xff"])
def test_default_plain_makes_other_bare_values_passwords(password: bytes) -> None:
    assert verdict(password, password, "PLAIN") is Verdict.OK


@pytest.mark.parametrize("password", [b"!word", b"*", b"x", b"{SHA}word", b"$6$word", b" ", b"0"])
def test_any_text_after_plain_prefix_is_the_password(password: bytes) -> None:
    assert verdict(b"{PLAIN}" + password, password) is Verdict.OK


def test_a_context_of_an_empty_password_is_refused() -> None:
    result = refused(b"{CRAM-MD5}" + CramMd5Context.of(Secret(b"")).reveal().hex().encode())
    assert result.verdict is Verdict.SCHEME_NOT_AVAILABLE
    assert "of an empty password" in result.reason


def test_only_clear_text_and_contexts_give_credentials() -> None:
    secret = identified(b"{PLAIN}word").credentials()
    assert isinstance(secret, Secret)
    assert secret.matches(b"word")
    context = identified(doveadm("CRAM-MD5")(PASSWORD)).credentials()
    assert isinstance(context, CramMd5Context)
    assert context.matches(CramMd5Context.of(Secret(PASSWORD)))
    assert identified(doveadm("SHA")(PASSWORD)).credentials() is None
