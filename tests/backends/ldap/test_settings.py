"""The keys of the LDAP backend: what is refused at start, and how names and templates are read."""

from __future__ import annotations

import re

import pytest

from extauth.backends.ldap.names_and_filters import escape_for_filter, escape_for_dn, parse_dn
from tests.backends.ldap.ldap_site import MAIL, PEOPLE_BY_UID, READER, ldap_site
from tests.helper import Site

HERE = 'servers = ["ldap://127.0.0.1"]'


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (f"servers = []\n{PEOPLE_BY_UID}", "servers"),
        (f'servers = ["127.0.0.1"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
        (f'servers = ["http://127.0.0.1"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
        (f'servers = ["ldap://127.0.0.1/dc=example"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
        (f'servers = ["ldap://h:99999"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
        (f'servers = ["ldap://127.0.0.1:0"]\n{PEOPLE_BY_UID}', "'ldap://127.0.0.1:0': must be ldap://host"),
        (f'servers = ["ldap://me:geheim@127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, since it may hold a password)"),
        (f'servers = ["ldap://me:geheim%40127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, since it may hold a password)"),
        (f'servers = ["me:geheim@127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, since it may hold a password)"),
        (f'servers = "me:geheim@127.0.0.1"\n{PEOPLE_BY_UID}', "(not shown, since it may hold a password): must"),
        (f'servers = "ldap://me:geheim@127.0.0.1"\n{PEOPLE_BY_UID}', "(not shown, since it may hold a password): must"),
        (f'servers = ["ldap://A", "ldap://a:389/"]\nstarttls = true\n{PEOPLE_BY_UID}', "'ldap://a:389' is there twice"),
        (f'servers = ["ldap://ldap.example.com"]\n{PEOPLE_BY_UID}', "allow_plaintext"),
        (HERE, "exactly one of them"),
        (f'{HERE}\nfilter = "(uid={{name}})"', "base: is missing"),
        (f'{HERE}\ndn = "uid={{name}}"\n{PEOPLE_BY_UID}', "exactly one of them"),
        (f'{HERE}\ndn = "{{name}}"', "distinguished name"),
        (f'{HERE}\nbase = "people"\nfilter = "(uid={{name}})"', "distinguished name"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "uid={{name}}"', "search filter"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "((uid={{name}})"', "search filter"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(uid={{name}}"', "it ends too early"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(uid=alice)"', "everybody would be one user"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(&(dc={{domain}})(uid=alice))"', "everybody would be one user"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid=alice)(!(cn={{name}})))"', "everybody would be one user"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(|(uid={{name}})(uid=alice))"', "everybody would be one user"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid={{name}})(cn=a\\\\q))"', "q))' on"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid={{name}}))(a=b)"', "none from '(a=b)' on"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(uid{{name}}=)"', "search filter"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(&uid={{name}})"', "search filter"),
        (f'{HERE}\nbase = "dc=example"\nfilter = "()(uid={{name}}))("', "search filter"),
        (f'{HERE}\ndn = "uid=alice,dc=example"', "everybody would be one user"),
        (f'{HERE}\ndn = "uid=alice,dc={{domain}}"', "everybody would be one user"),
        (f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(member=*)"', "the same of everybody"),
        (f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(dc={{domain}})"', "the same of everybody"),
        (
            f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(member{{dn}}=)"',
            "group_filter = '(member{dn}=)': must be",
        ),
        (f'{HERE}\nbase = "dc=example"\nfilter = "(uid={{user}})"', "there is no {user}"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nbind_dn = "cn=reader,dc=example"', "both must be there"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nrequired_groups = ["mail"]', "distinguished name"),
        (f'{HERE}\n{PEOPLE_BY_UID}\ngroup_filter = "(member={{dn}})"', "goes with required_groups"),
        (f'{HERE}\n{PEOPLE_BY_UID}\ncheck = "hash"\ndefault_scheme = "ROT13"', "known are"),
        (f'{HERE}\n{PEOPLE_BY_UID}\ndefault_scheme = "PLAIN"', 'goes with check = "hash"'),
        (f'{HERE}\n{PEOPLE_BY_UID}\nengine = "perl"', "must be one of 'ldap3', 'python-ldap'"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "nowhere"', "ca_file = {}/nowhere: No such file"),
        (f"{HERE}\n{PEOPLE_BY_UID}\n{READER}".replace("reader.s", "s"), "bind_password_file = {}/secret: No such file"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "reader.secret"', "no certificates"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "empty"', "no certificates"),
        (f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 0", "overall_timeout"),
        (
            f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 15",
            "overall_timeout = 15: must be less than helper.deadline, w",
        ),
        (f"{HERE}\n{PEOPLE_BY_UID}\nread_timeout = 10.5", "read_timeout = 10.5: must not be more than overall_timeout"),
        (f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 1\nconnect_timeout = 2", "connect_timeout = 2: must not be more"),
        (f'{HERE}\n{PEOPLE_BY_UID}\nsearch_base = "dc=example"', "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_start(site: Site, keys: str, complaint: str) -> None:
    ldap_site(site.folder)
    site.write("empty", "")
    site.configure(f'[[backend]]\ntype = "ldap"\n{keys}\n')
    done = site.run("check", "-c", str(site.config))
    assert done.returncode != 0
    assert complaint.replace("{}/", f"{site.folder}/") in done.stderr.decode()


def test_a_service_password_that_is_empty_is_refused(site: Site) -> None:
    site.write("reader.secret", "\n")
    site.configure(f'[[backend]]\ntype = "ldap"\n{HERE}\n{READER}\n{PEOPLE_BY_UID}\n')
    assert b"holds no password" in site.run("check", "-c", str(site.config)).stderr


ONE, SEVERAL = 'domains = ["a.example"]', 'domains = ["a.example", "b.example"]'
EITHER = "(|(userPrincipalName={account})(sAMAccountName={name}))"


def test_one_entry_for_the_same_name_in_several_domains_is_pointed_out(site: Site) -> None:
    cases = [
        (PEOPLE_BY_UID, "", True),
        (PEOPLE_BY_UID, SEVERAL, True),
        (PEOPLE_BY_UID, ONE, False),
        (f'base = "dc=example"\nfilter = "{EITHER}"', SEVERAL, True),
        (f'base = "dc=example"\nfilter = "(&{EITHER}(dc={{domain}}))"', SEVERAL, False),
        ('base = "dc=example"\nfilter = "(mail={account})"', SEVERAL, False),
        ('base = "dc={domain}"\nfilter = "(uid={name})"', SEVERAL, False),
        ('dn = "uid={name},dc=example"', SEVERAL, True),
        ('dn = "uid={name},dc={domain}"', SEVERAL, False),
    ]
    sections = (
        f'[[backend]]\ntype = "ldap"\nname = "case{number}"\n{HERE}\n{keys}\n{domains}\n'
        for number, (keys, domains, _) in enumerate(cases)
    )
    site.configure("".join(sections))
    done = site.run("check", "-c", str(site.config))
    warned = re.findall("(dn|filter) = (.*): the same name is the same entry in every domain", done.stdout.decode())
    assert warned == [
        ("dn" if keys.startswith("dn") else "filter", repr(re.findall('"(.*)"', keys)[-1]))
        for keys, _, is_warned in cases
        if is_warned
    ]


@pytest.mark.parametrize("key", ["starttls", "allow_plaintext"])
def test_a_server_elsewhere_is_taken_with_tls_or_when_said_so(site: Site, key: str) -> None:
    site.configure(
        f'[[backend]]\ntype = "ldap"\nservers = ["ldap://ldap.example.com"]\n{PEOPLE_BY_UID}\n{key} = true\n'
    )
    assert site.run("check", "-c", str(site.config)).returncode == 0


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
def test_two_spellings_of_one_name_are_alike(one: str, other: str) -> None:
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
def test_two_names_are_not_alike(one: str, other: str) -> None:
    assert parse_dn(one) != parse_dn(other)


@pytest.mark.parametrize("text", ["", "mail", "cn=a,", "=a", "cn=a,,dc=x", r"cn=\ff"])
def test_what_is_no_name_is_none(text: str) -> None:
    assert parse_dn(text) is None


@pytest.mark.parametrize("value", ["*", ")(uid=*", "\\", " a ", "#a", 'a,b+c=d;e<f>g"h', "jürgen", "\0"])
def test_an_escaped_value_keeps_nothing_that_has_a_meaning(value: str) -> None:
    assert escape_for_filter(value).isascii()
    assert not set("*() ") & set(escape_for_filter(value))
    parsed = parse_dn(f"cn={escape_for_dn(value)},dc=x")
    assert parsed is not None
    assert parsed[0] == frozenset({("cn", value.lower().strip())})
