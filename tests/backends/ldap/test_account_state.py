"""The verdict for each attribute that refuses a login."""

from __future__ import annotations

import datetime

import pytest

from extauth.backends.ldap.account_state import account_state_verdict
from extauth.backends.ldap.messages import LdapEntry
from extauth.model import Verdict

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
IN_2020 = b"132223104000000000"
IN_2030 = b"135379296000000000"


@pytest.mark.parametrize(
    ("attribute", "value", "verdict"),
    [
        ("pwdaccountlockedtime", b"20260101000000Z", Verdict.USER_DISABLED),
        ("pwdaccountlockedtime", b"000001010000Z", Verdict.USER_DISABLED),
        ("pwdreset", b"TRUE", Verdict.PASSWORD_EXPIRED),
        ("pwdreset", b"FALSE", None),
        ("pwdstarttime", b"20260601000001Z", Verdict.USER_DISABLED),
        ("pwdstarttime", b"20260531235959Z", None),
        ("pwdendtime", b"20260531235959Z", Verdict.USER_DISABLED),
        ("pwdendtime", b"20260601000001.5Z", None),
        ("pwdendtime", b"some day", Verdict.USER_DISABLED),
        ("nsaccountlock", b"true", Verdict.USER_DISABLED),
        ("nsaccountlock", b"false", None),
        ("useraccountcontrol", b"512", None),
        ("useraccountcontrol", b"514", Verdict.USER_DISABLED),
        ("useraccountcontrol", b"many", Verdict.USER_DISABLED),
        ("msds-user-account-control-computed", b"16", Verdict.USER_DISABLED),
        ("msds-user-account-control-computed", b"8388608", Verdict.PASSWORD_EXPIRED),
        ("lockouttime", b"0", None),
        ("lockouttime", IN_2020, Verdict.USER_DISABLED),
        ("accountexpires", b"0", None),
        ("accountexpires", b"9223372036854775807", None),
        ("accountexpires", IN_2020, Verdict.USER_DISABLED),
        ("accountexpires", IN_2030, None),
        ("pwdlastset", b"0", Verdict.PASSWORD_EXPIRED),
        ("pwdlastset", IN_2020, None),
    ],
)
def test_verdict_for_an_attribute(attribute: str, value: bytes, verdict: Verdict | None) -> None:
    found = account_state_verdict(LdapEntry("cn=a", {attribute: [value]}), NOW)
    assert (found and found.verdict) is verdict
