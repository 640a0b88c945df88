"""The LDAP backend in the whole helper and with a real slapd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.ldap.ldap_site import (
    BY_ATTRIBUTE,
    BY_UID_IN,
    ENTRIES,
    HASHES,
    LOG,
    MAIL,
    PEOPLE,
    PEOPLE_BY_UID,
    READER,
    ldap_site,
    person,
    section,
)
from tests.backends.ldap.slapd import Slapd, free_port
from tests.helper import Helper

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
MANY = "".join(person(f"user{number}", f"password{number}") for number in range(40))
APOP = b"65f5d217d17f4309ca6f83d347a31d62"
"""printf '<1>pw9' | openssl dgst -md5"""
CRAM_MD5 = b"1fa41e6c61d6420b907a71cac27bd1b6"
"""printf '<1>' | openssl dgst -md5 -hmac pw9"""
HINT = "perhaps the directory requires bind_dn"
KNOWN, UNKNOWN, NOT_SURE = b"FAILURE account not created", b"ERROR unknown account", b"FAILURE temporary failure"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path_factory.mktemp("slapd"), ENTRIES + PEOPLE + MANY)
    slapd.modify("dn: cn=mail-old,ou=groups,dc=example\nadd: member\nmember: uid=alice,ou=people,dc=example\n")
    yield slapd
    slapd.kill()


@pytest.fixture(scope="module")
def helper(slapd: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for all cases. Each kind of configuration is a backend with its own domain."""
    site = ldap_site(tmp_path_factory.mktemp("ldap"))

    def backend(domain: str, *keys: str) -> str:
        return section(domain, *keys, servers=repr(slapd.url))

    names = ("alice", "clearlocked", "disabled", "cleargroup")
    site.write("beside", "".join(f"{name}@beside.example:{{PLAIN}}pw9\n" for name in names))
    site.configure(
        LOG
        + backend("search", READER, PEOPLE_BY_UID)
        + backend("anonymous", PEOPLE_BY_UID)
        + section("local", READER, PEOPLE_BY_UID, servers=repr(slapd.local_url))
        + backend("one", READER, PEOPLE_BY_UID, 'scope = "one"')
        + backend("dn", 'dn = "uid={name},ou=people,dc=example"')
        + backend("dnreader", READER, 'dn = "uid={name},ou=people,dc=example"')
        + backend("dngroup", 'dn = "uid={name},ou=people,dc=example"', BY_ATTRIBUTE)
        + backend("memberof", READER, PEOPLE_BY_UID, BY_ATTRIBUTE)
        + backend("overlay", READER, PEOPLE_BY_UID, 'required_groups = ["cn=mail-old,ou=groups,dc=example"]')
        + backend("primary", READER, PEOPLE_BY_UID, 'required_groups = ["CN=Domain Users,ou=groups,dc=example"]')
        + backend("foreign", READER, PEOPLE_BY_UID,
            'required_groups = ["cn=users of another domain,ou=groups,dc=example"]',
        )
        + backend("nogroup", READER, PEOPLE_BY_UID, 'required_groups = ["cn=nogroup,ou=groups,dc=example"]')
        + backend("groupsearch", READER, PEOPLE_BY_UID, MAIL, 'group_filter = "(member={dn})"')
        + backend("mass", READER, PEOPLE_BY_UID, BY_ATTRIBUTE.replace("cn=mail", "cn=mass"))
        + backend("maß", READER, PEOPLE_BY_UID, BY_ATTRIBUTE.replace("cn=mail", "CN=MAß"))
        + backend("hash", HASHES, PEOPLE_BY_UID, 'check = "hash"', "readplain = true")
        + backend("hashgroup", HASHES, PEOPLE_BY_UID, 'check = "hash"', BY_ATTRIBUTE)
        + backend("unreadable", READER, PEOPLE_BY_UID, 'check = "hash"')
        + backend("ad", READER, 'base = "dc=example"',
            'filter = "(|(userPrincipalName={account})(sAMAccountName={name}))"',
        )
        + backend("nobase", READER, 'base = "ou=nowhere,dc=example"\nfilter = "(uid={name})"')
        + backend("varies", READER, 'base = "ou={domain},dc=example"\nfilter = "(uid={name})"')
        + backend("referred", READER, BY_UID_IN.format("ou=elsewhere,ou=people,dc=example"))
        + backend("limited", READER.replace("reader,", "limited,"), PEOPLE_BY_UID,
        )
        + backend("many", READER, PEOPLE_BY_UID).replace("connections = 1", "connections = 4")
        + backend("beside", READER, PEOPLE_BY_UID, BY_ATTRIBUTE)
        + '[[backend]]\ntype = "files"\ndomains = ["beside.example"]\npath = "beside"\n'
        + backend("stranger", READER.replace("cn=reader,", "cn=stranger,"), PEOPLE_BY_UID)
    )  # fmt: skip
    helper = site.serve()
    assert helper.ask(b"intf INTF 7") == b"INTF 7"
    yield helper
    helper.kill()


@pytest.mark.parametrize(
    ("account", "password", "reply"),
    [
        ("alice@search.example", b"open sesame", b"OK"),
        ("ALICE@search.example", b"open sesame", b"OK"),
        ("alice@search.example", b"open sesam", NEGATIVE),
        ("alice@search.example", b"open sesame ", NEGATIVE),
        ("nobody@search.example", b"pw9", NEGATIVE),
        ("alice@anonymous.example", b"open sesame", b"OK"),
        ("alice@local.example", b"open sesame", b"OK"),
        ("deep@search.example", b"pw9", b"OK"),
        ("deep@one.example", b"pw9", NEGATIVE),
        ("bob@one.example", b"pw9", b"OK"),
        ("twin@search.example", b"pw9", NEGATIVE),
        ("twin@one.example", b"pw9", b"OK"),
        ("jürgen@search.example", "pässwört".encode(), b"OK"),
        ("latin@search.example", b"\xe4\xf6\xe4\x01", b"OK"),
        ("compat@search.example", "\u2168".encode(), b"OK"),
        ("compat@search.example", b"IX", NEGATIVE),
        ("comma@search.example", b"pw9", b"OK"),
        ("hash#@search.example", b"pw9", b"OK"),
        ("x+y,z@search.example", b"pw9", b"OK"),
        ("x+y,z@dn.example", b"pw9", b"OK"),
        ("alice@dn.example", b"open sesame", b"OK"),
        ("alice@dn.example", b"wrong", NEGATIVE),
        ("nobody@dn.example", b"pw9", NEGATIVE),
        ("deep,ou=deeper@dn.example", b"pw9", NEGATIVE),
        ("a*b@search.example", b"pw9", b"OK"),
        ("(odd)@search.example", b"pw9", b"OK"),
        ("*@search.example", b"pw9", NEGATIVE),
        ("ali*@search.example", b"open sesame", NEGATIVE),
        ("x)(uid=alice@search.example", b"open sesame", NEGATIVE),
        ("*)(uid=*@search.example", b"open sesame", NEGATIVE),
        ("alice\\2a@search.example", b"open sesame", NEGATIVE),
        ("alice@memberof.example", b"open sesame", b"OK"),
        ("bob@memberof.example", b"pw9", NEGATIVE),
        ("deep@memberof.example", b"pw9", NEGATIVE),
        ("sharp@mass.example", b"pw9", NEGATIVE),
        ("sharp@xn--ma-hia.example", b"pw9", b"OK"),
        ("alice@overlay.example", b"open sesame", b"OK"),
        ("deep@overlay.example", b"pw9", NEGATIVE),
        ("primary@primary.example", b"pw9", b"OK"),
        ("primary@primary.example", b"wrong", NEGATIVE),
        ("guest@primary.example", b"pw9", NEGATIVE),
        ("bob@primary.example", b"pw9", NEGATIVE),
        ("primary@foreign.example", b"pw9", NEGATIVE),
        ("primary@nogroup.example", b"pw9", NEGATIVE),
        ("alice@groupsearch.example", b"open sesame", b"OK"),
        ("deep@groupsearch.example", b"pw9", b"OK"),
        ("bob@groupsearch.example", b"pw9", NEGATIVE),
        ("alice@dngroup.example", b"open sesame", b"OK"),
        ("bob@dngroup.example", b"pw9", NEGATIVE),
        ("nobody@dngroup.example", b"pw9", NEGATIVE),
        ("locked@search.example", b"pw9", NEGATIVE),
        ("expired@search.example", b"pw9", NEGATIVE),
        ("mustchange@search.example", b"pw9", NEGATIVE),
        ("sha@hash.example", b"password", b"OK"),
        ("sha@hash.example", b"wrong", NEGATIVE),
        ("clear@hash.example", b"pw9", b"OK"),
        ("context@hash.example", b"pw9", b"OK"),
        ("context@hash.example", b"wrong", NEGATIVE),
        ("bob@hash.example", b"pw9", NEGATIVE),
        ("clearlocked@hash.example", b"pw9", NEGATIVE),
        ("disabled@hash.example", b"pw9", NEGATIVE),
        ("left@hash.example", b"pw9", NEGATIVE),
        ("cleargroup@hashgroup.example", b"pw9", NEGATIVE),
        ("clear@unreadable.example", b"pw9", NEGATIVE),
        ("person.one@ad.example", b"pw9", b"OK"),
        ("pone@ad.example", b"pw9", b"OK"),
        ("person.two@ad.example", b"pw9", NEGATIVE),
        ("alice@varies.example", b"pw9", NEGATIVE),
        ("alice@nobase.example", b"open sesame", TEMPORARY),
        ("alice@referred.example", b"open sesame", TEMPORARY),
        ("twin@limited.example", b"pw9", NEGATIVE),
        ("alice@stranger.example", b"open sesame", TEMPORARY),
    ],
)
def test_login_with_a_password(helper: Helper, account: str, password: bytes, reply: bytes) -> None:
    assert helper.ask(b"1 VRFY %s %s" % (account.encode(), password)) == reply


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("nobody@search.example", "no entry was found"),
        ("twin@search.example", "more than one entry"),
        ("twin@limited.example", "more than one entry"),
        ("bob@memberof.example", "is not in cn=mail,ou=groups"),
        ("locked@search.example", "password policy: locked"),
        ("expired@search.example", "password policy: expired"),
        ("mustchange@search.example", "password policy: must be changed"),
        ("grace@search.example", r"verdict=OK .*grace login, \d+ left"),
        ("warned@search.example", r"verdict=OK .*the password expires in \d+ days"),
        ("clearlocked@hash.example", "pwdAccountLockedTime"),
        ("disabled@hash.example", "userAccountControl: disabled"),
        ("left@hash.example", "accountExpires"),
        ("clear@unreadable.example", "userPassword is missing or cannot be read"),
        ("alice@referred.example", "referral"),
        ("alice@stranger.example", "rejects the service account"),
    ],
)
def test_log_has_the_reason(helper: Helper, account: str, reason: str) -> None:
    helper.information.clear()
    helper.ask(b"1 VRFY %s pw9" % account.encode())
    helper.wait_for_information(reason)


@pytest.mark.parametrize(
    ("account", "reply"),
    [
        ("clear@hash.example", b"OK"),
        ("sha@hash.example", NEGATIVE),
        ("clearlocked@hash.example", NEGATIVE),
        ("disabled@hash.example", NEGATIVE),
        ("left@hash.example", NEGATIVE),
        ("twin@hash.example", NEGATIVE),
        ("nobody@hash.example", NEGATIVE),
        ("cleargroup@hashgroup.example", NEGATIVE),
        ("clear@search.example", NEGATIVE),
        ("alice@beside.example", b"OK"),
        ("clearlocked@beside.example", NEGATIVE),
        ("disabled@beside.example", NEGATIVE),
        ("cleargroup@beside.example", NEGATIVE),
    ],
)
def test_mechanism_does_not_bypass_the_checks(helper: Helper, account: str, reply: bytes) -> None:
    assert helper.ask(b"1 SASL(APOP) %s %s <1>" % (account.encode(), APOP)) == reply
    assert helper.ask(b"1 SASL(CRAM-MD5) %s %s <1>" % (account.encode(), CRAM_MD5)) == reply


def test_context_serves_cram_md5_and_clear_text_all_mechanisms(helper: Helper) -> None:
    assert helper.ask(b"1 SASL(CRAM-MD5) context@hash.example %s <1>" % CRAM_MD5) == b"OK"
    assert helper.ask(b"1 SASL(CRAM-MD5) context@hash.example %s <2>" % CRAM_MD5) == NEGATIVE
    assert helper.ask(b"1 SASL(APOP) context@hash.example %s <1>" % APOP) == NEGATIVE
    assert helper.ask(b"1 SASL(APOP) several@hash.example %s <1>" % APOP) == b"OK"


@pytest.mark.parametrize(
    ("account", "reply"),
    [
        ("alice@search.example", KNOWN),
        ("locked@search.example", KNOWN),
        ("disabled@hash.example", KNOWN),
        ("nobody@search.example", UNKNOWN),
        ("*@search.example", UNKNOWN),
        ("nobody@anonymous.example", UNKNOWN),
        ("alice@memberof.example", KNOWN),
        ("bob@memberof.example", UNKNOWN),
        ("alice@dn.example", KNOWN),
        ("nobody@dn.example", NOT_SURE),
        ("alice@dnreader.example", KNOWN),
        ("nobody@dnreader.example", UNKNOWN),
        ("nobody@dngroup.example", UNKNOWN),
        ("alice@nobase.example", NOT_SURE),
        ("alice@referred.example", NOT_SURE),
        ("alice@stranger.example", NOT_SURE),
    ],
)
def test_known_and_unknown_accounts(helper: Helper, account: str, reply: bytes) -> None:
    assert helper.ask(b"1 NEW %s" % account.encode()) == reply


@pytest.mark.parametrize(
    ("account", "reply"),
    [
        ("clear@hash.example", b"PLAIN pw9"),
        ("several@hash.example", b"PLAIN pw9"),
        ("context@hash.example", b"FAILURE not available"),
        ("sha@hash.example", b"FAILURE not available"),
        ("clearlocked@hash.example", b"FAILURE not available"),
        ("disabled@hash.example", b"FAILURE not available"),
        ("nobody@hash.example", b"FAILURE not available"),
        ("cleargroup@hashgroup.example", b"FAILURE not available"),
        ("alice@search.example", b"FAILURE not available"),
    ],
)
def test_readplain_returns_stored_clear_text(helper: Helper, account: str, reply: bytes) -> None:
    assert helper.ask(b"1 READPLAIN %s" % account.encode()) == reply


def test_check_command_reports_every_server(slapd: Slapd, tmp_path_factory: pytest.TempPathFactory) -> None:
    site = ldap_site(tmp_path_factory.mktemp("check"))
    closed = f"ldap://127.0.0.1:{free_port()}"
    site.configure(
        section("reader", READER, PEOPLE_BY_UID, servers=f"{closed!r}, {slapd.url!r}")
        + section("stranger", READER.replace("reader,", "stranger,"), PEOPLE_BY_UID, servers=repr(slapd.url))
        + section("anonymous", PEOPLE_BY_UID, servers=repr(slapd.local_url))
        + section(
            "lost",
            'base = "ou=nowhere,dc=example"\nfilter = "(uid={name})"',
            'required_groups = ["cn=nobody,dc=example"]\ngroup_filter = "(member={dn})"',
            servers=repr(slapd.url),
        )
    )
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 3
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "reader serves reader.example"
    assert lines[1].startswith(f"{closed} is unavailable: ")
    assert lines[2:-5] == [
        f"{slapd.url} is available and accepts the service account cn=reader,dc=example",
        "stranger serves stranger.example",
        f"{slapd.url} rejects the service account cn=stranger,dc=example: 49 invalidCredentials",
        "no server can be used, so this backend lets no account in",
        "anonymous serves anonymous.example",
        f"{slapd.local_url} is available and accepts an anonymous bind",
        "lost serves lost.example",
        f"{slapd.url} is available and accepts an anonymous bind",
        f"{slapd.url}: the anonymous search in ou=nowhere,dc=example returned 32 noSuchObject; {HINT}",
        f"{slapd.url}: the anonymous search in cn=nobody,dc=example returned 32 noSuchObject; {HINT}",
        "no server can be used, so this backend lets no account in",
    ]
    assert lines[-3:-1] == [f"no account of {name}.example can log in" for name in ("stranger", "lost")]


def test_many_concurrent_logins_get_their_own_replies(helper: Helper) -> None:
    lines, expected = [], set()
    for turn in range(10):
        for user in range(40):
            password = (user + turn % 2) % 40
            lines.append(b"%d-%d VRFY user%d@many.example password%d" % (turn, user, user, password))
            expected.add(b"%d-%d %s" % (turn, user, b"OK" if password == user else NEGATIVE))
    helper.replies.clear()
    helper.send(*lines)
    assert set(helper.wait_for_replies(len(lines))) == expected
    helper.replies.clear()
