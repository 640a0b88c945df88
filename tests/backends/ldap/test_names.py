"""Distinguished names: which are valid, which are the same, and how values are escaped."""

from __future__ import annotations

import pytest

from extauth.backends.ldap.names import escape_for_dn, parse_dn


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=mail,dc=example", "CN=Mail, DC=EXAMPLE"),
        ("cn=a b,dc=x", "cn=A   B ,dc=x"),
        (r"cn=a\,b,dc=x", r"cn=a\2cb,dc=x"),
        (r"cn=a\,b,dc=x", 'cn="a,b",dc=x'),
        ("cn=a+uid=b,dc=x", "uid=b+cn=a,dc=x"),
        (r"cn=j\C3\BCrgen", "cn=jürgen"),
        (r"cn=back\5cslash", r"cn=back\\slash"),
        ("cn=MAß", "cn=maß"),
        ("cn=ΟΔΟΣ", "cn=οδοσ"),
    ],
)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    assert parse_dn(one) == parse_dn(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=mail,dc=example", "cn=mail-old,dc=example"),
        ("cn=mail,dc=example", "cn=mail"),
        ("cn=mail,dc=example", "cn=mail,ou=x,dc=example"),
        (r"cn=a\,dc=x", "cn=a,dc=x"),
        ("cn=a+uid=b,dc=x", "cn=a,uid=b,dc=x"),
        (r"cn=\5c2a", "cn=*"),
        ("cn=maß", "cn=mass"),
        ("cn=ΟΔΟΣ", "cn=οδος"),
        ("cn=İx", "cn=i\u0307x"),
        (r"cn=a\09b", "cn=a b"),
    ],
)
def test_different_names_are_not_equal(one: str, other: str) -> None:
    assert parse_dn(one) != parse_dn(other)


@pytest.mark.parametrize("text", ["", "mail", "cn=a,", "=a", "cn=a,,dc=x", r"cn=\ff"])
def test_invalid_name_is_none(text: str) -> None:
    assert parse_dn(text) is None


@pytest.mark.parametrize("value", ["*", ")(uid=*", "\\", " a ", "#a", 'a,b+c=d;e<f>g"h', "jürgen", "\0"])
def test_escaped_value_has_no_special_characters(value: str) -> None:
    parsed = parse_dn(f"cn={escape_for_dn(value)},dc=x")
    assert parsed is not None
    assert parsed[0] == frozenset({("cn", value.lower().strip())})
