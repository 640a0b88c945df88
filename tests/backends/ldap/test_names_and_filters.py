"""Distinguished names and search filters: which are valid, and whether both engines can read the filters."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from extauth.backends.ldap.engine import Deadline, LdapConnection, LdapEngine
from extauth.backends.ldap.engine_ldap3 import Ldap3Engine
from extauth.backends.ldap.engine_python_ldap import PythonLdapEngine
from extauth.backends.ldap.names_and_filters import (
    InvalidFilter,
    escape_for_dn,
    escape_for_filter,
    parse_dn,
    parse_filter,
)
from extauth.backends.ldap.servers import parse_server
from extauth.backends.steps import run_to_completion
from extauth.errors import TemporaryFailure
from tests.backends.ldap.ldap_servers import BIND, BIND_RESPONSE, SEARCH_DONE, Responder, result

VALID = [
    "(uid={name})",
    "(uid=)",
    "(uid=*)",
    "(uid=a*)",
    "(uid=*b)",
    "(uid=a*b*c)",
    "(uid=a b )",
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


@pytest.fixture(scope="module")
def server() -> Iterator[Responder]:
    server = Responder(lambda tag, _: [result(BIND_RESPONSE if tag == BIND else SEARCH_DONE, 0)])
    yield server
    server.close()


@pytest.fixture(params=["ldap3", "python-ldap"])
def connection(request: pytest.FixtureRequest, server: Responder) -> Iterator[LdapConnection]:
    context = ssl.create_default_context()
    engine: LdapEngine = Ldap3Engine(context, starttls=False)
    if request.param == "python-ldap":
        engine = PythonLdapEngine(context, starttls=False, ca_file=None, verify_certificate=True)
    connection = engine.connect(parse_server(server.url), Deadline(20))
    yield connection
    connection.close()


def test_engine_reads_every_valid_filter(connection: LdapConnection) -> None:
    for text in VALID:
        parse_filter(text)
        assert run_to_completion(connection.search("dc=example", "subtree", text, (), Deadline(20))).code == 0


def test_unreadable_filter_leaves_the_connection_open(
    connection: LdapConnection,
) -> None:
    with pytest.raises(TemporaryFailure, match="cannot read the filter"):
        run_to_completion(connection.search("dc=example", "subtree", "(&uid=a)", (), Deadline(20)))
    assert run_to_completion(connection.search("dc=example", "subtree", "(uid=a)", (), Deadline(20))).code == 0


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
    assert escape_for_filter(value).isascii()
    assert not set("*() ") & set(escape_for_filter(value))
    parsed = parse_dn(f"cn={escape_for_dn(value)},dc=x")
    assert parsed is not None
    assert parsed[0] == frozenset({("cn", value.lower().strip())})
