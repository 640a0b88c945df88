"""Search filters: which are valid, how they are encoded, and what a match depends on."""

from __future__ import annotations

import pytest
from ldap3.operation.search import compile_filter
from ldap3.operation.search import parse_filter as parse_filter_by_ldap3
from ldap3.utils.asn1 import encode  # type: ignore[attr-defined]  # missing in the type stubs

from extauth.backends.ldap.filters import InvalidFilter, parse_filter

VALID = [
    "(uid={name})",
    "(uid=)",
    "(uid=*)",
    "(uid=a*)",
    "(uid=*b)",
    "(uid=a*b*c)",
    "(uid=a b)",
    "(uid=a=b)",
    r"(uid=\2a\28\C3\bc)",
    "(uid=jürgen)",
    "(age>=18)",
    "(age<=18)",
    "(cn~=Smith)",
    "(2.5.4.3=x)",
    "(cn;lang-de=x)",
    "(cn:=x)",
    "(cn:dn:=x)",
    "(cn:caseExactMatch:=x)",
    "(cn:dn:2.5.13.5:=x)",
    "(:2.5.13.5:=x)",
    "(:dn:2.5.13.5:=x)",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=Mail Users,OU=Groups,DC=example,DC=com)",
    "(&(a=b))",
    "(&(a=b)(|(c=d)(!(e=f))))",
    "(&\n  (a=b)\n  (| (c=d) (e=f) )\n)",
    "(! (a=b))",
]
VALUES = {"name": "{name}"}
INVALID = [
    "",
    "(",
    ")",
    "()",
    "uid=a",
    "(uid)",
    "(uid=a",
    "(uid=a))",
    "(uid=a)(uid=b)",
    "((uid=a))",
    "(=a)",
    "({name}=a)",
    "(u id=a)",
    "(uid=a(b)",
    "(uid=**)",
    r"(uid=\q)",
    r"(uid=\2)",
    "(uid=\0)",
    "(:=a)",
    "(:dn:=a)",
    "(&)",
    "(&uid=a)",
    "(!(a=b)(c=d))",
    "(!(a=b) )",
    "(&(a=b)x)",
]


@pytest.mark.parametrize("text", VALID)
def test_filter_is_encoded_as_by_ldap3(text: str) -> None:
    parsed = parse_filter_by_ldap3(  # type: ignore[no-untyped-call]
        text, None, auto_escape=True, auto_encode=True, validator=None, check_names=False
    )
    assert parse_filter(text).encode(VALUES) == encode(
        compile_filter(parsed.elements[0])  # type: ignore[no-untyped-call]
    )


@pytest.mark.parametrize("value", ["*", ")(uid=*", r"\2a", " a ", "jürgen", "\0", "{domain}"])
def test_value_is_not_parsed(value: str) -> None:
    filled = parse_filter("(|(uid={name})(mail={name}@x*)(cn>={name}))").encode({"name": value, "domain": "x"})
    escaped = "".join(f"\\{byte:02x}" for byte in value.encode())
    assert filled == parse_filter(f"(|(uid={escaped})(mail={escaped}@x*)(cn>={escaped}))").encode({})


def test_escaped_braces_are_no_placeholder() -> None:
    assert parse_filter(r"(uid=\7bname\7d)").encode({"name": "x"}) == b"\xa3\x0d\x04\x03uid\x04\x06{name}"


def test_blanks_of_a_value_are_kept() -> None:
    assert parse_filter("(uid= a )").encode({}) == b"\xa3\x0a\x04\x03uid\x04\x03 a "


@pytest.mark.parametrize("text", INVALID)
def test_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("(uid={name})", True),
        ("(uid=a)", False),
        ("(uid={domain})", False),
        ("(&(uid={name})(a=b))", True),
        ("(&(a=b)(|(uid={name})(mail={account})))", True),
        ("(|(uid={name})(a=b))", False),
        ("(|(&(a=b)(uid={name}))(&(a=c)(mail={account})))", True),
        ("(!(uid={name}))", False),
        ("(&(uid=a)(!(uid={name})))", False),
    ],
)
def test_placeholders_that_every_match_needs(text: str, needs: bool) -> None:
    assert parse_filter(text).needs({"name", "account"}) is needs
