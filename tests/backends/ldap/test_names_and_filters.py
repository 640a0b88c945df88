"""AccountSearch filters: which are taken, what they cannot do without, and that both engines can read those."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from extauth.backends.ldap.engine import LdapConnection, Deadline, LdapEngine
from extauth.backends.ldap.engine_ldap3 import Ldap3Engine
from extauth.backends.ldap.engine_python_ldap import PythonLdapEngine
from extauth.backends.ldap.names_and_filters import InvalidFilter, parse_filter
from extauth.backends.ldap.servers import parse_server
from extauth.backends.steps import run_to_completion
from extauth.errors import TemporaryFailure
from tests.backends.ldap.ldap_servers import BIND, BIND_ANSWER, SEARCH_DONE, Responder, result

SOUND = [
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
UNSOUND = [
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
    server = Responder(lambda tag, _: [result(BIND_ANSWER if tag == BIND else SEARCH_DONE, 0)])
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


def test_a_filter_that_is_taken_can_be_read_by_the_engine(connection: LdapConnection) -> None:
    for text in SOUND:
        parse_filter(text)
        assert run_to_completion(connection.search("dc=example", "subtree", text, (), Deadline(20))).code == 0


def test_a_filter_that_the_engine_cannot_read_is_no_outage_and_leaves_the_connection_open(
    connection: LdapConnection,
) -> None:
    with pytest.raises(TemporaryFailure, match="cannot read the filter"):
        run_to_completion(connection.search("dc=example", "subtree", "(&uid=a)", (), Deadline(20)))
    assert run_to_completion(connection.search("dc=example", "subtree", "(uid=a)", (), Deadline(20))).code == 0


@pytest.mark.parametrize("text", UNSOUND)
def test_what_is_no_filter_is_not_taken(text: str) -> None:
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
def test_what_a_filter_cannot_do_without(text: str, needs: bool) -> None:
    assert parse_filter(text).needs({"name", "account"}) is needs
