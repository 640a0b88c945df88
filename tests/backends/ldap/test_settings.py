"""The keys of the LDAP backend: which values are refused at start."""

from __future__ import annotations

import re

import pytest

from tests.backends.ldap.ldap_site import MAIL, PEOPLE_BY_UID, READER, ldap_site
from tests.helper import Site

HERE = 'servers = ["ldap://127.0.0.1"]'


MISTAKES = [
    (f"servers = []\n{PEOPLE_BY_UID}", "servers"),
    (f'servers = ["127.0.0.1"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
    (f'servers = ["http://127.0.0.1"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
    (f'servers = ["ldap://127.0.0.1/dc=example"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
    (f'servers = ["ldap://h:99999"]\n{PEOPLE_BY_UID}', "must be ldap://host"),
    (f'servers = ["ldap://127.0.0.1:0"]\n{PEOPLE_BY_UID}', "'ldap://127.0.0.1:0': must be ldap://host"),
    (f'servers = ["ldap://me:geheim@127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, it may contain a password)"),
    (f'servers = ["ldap://me:geheim%40127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, it may contain a password)"),
    (f'servers = ["me:geheim@127.0.0.1"]\n{PEOPLE_BY_UID}', "(not shown, it may contain a password)"),
    (f'servers = "me:geheim@127.0.0.1"\n{PEOPLE_BY_UID}', "a password): must be a list"),
    (f'servers = "ldap://me:geheim@127.0.0.1"\n{PEOPLE_BY_UID}', "a password): must be a list"),
    (
        f'servers = ["ldap://A", "ldap://a:389/"]\nstarttls = true\n{PEOPLE_BY_UID}',
        "'ldap://a:389' is listed tw",
    ),
    (f'servers = ["ldap://ldap.example.com"]\n{PEOPLE_BY_UID}', "allow_plaintext"),
    (HERE, "set exactly one of them"),
    (f'{HERE}\nfilter = "(uid={{name}})"', "base: is missing"),
    (f'{HERE}\ndn = "uid={{name}}"\n{PEOPLE_BY_UID}', "set exactly one of them"),
    (f'{HERE}\ndn = "{{name}}"', "distinguished name"),
    (f'{HERE}\nbase = "people"\nfilter = "(uid={{name}})"', "distinguished name"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "uid={{name}}"', "search filter"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "((uid={{name}})"', "search filter"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(uid={{name}}"', "it ends too early"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(uid=alice)"', "all accounts have the same entry"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(&(dc={{domain}})(uid=alice))"', "all accounts have the same entry"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid=alice)(!(cn={{name}})))"', "all accounts have the same entry"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(|(uid={{name}})(uid=alice))"', "all accounts have the same entry"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid={{name}})(cn=a\\\\q))"', "q))' on"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(&(uid={{name}}))(a=b)"', "invalid from '(a=b)' on"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(uid{{name}}=)"', "search filter"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(&uid={{name}})"', "search filter"),
    (f'{HERE}\nbase = "dc=example"\nfilter = "()(uid={{name}}))("', "search filter"),
    (f'{HERE}\ndn = "uid=alice,dc=example"', "all accounts have the same entry"),
    (f'{HERE}\ndn = "uid=alice,dc={{domain}}"', "all accounts have the same entry"),
    (f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(member=*)"', "match for all accounts or for none"),
    (f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(dc={{domain}})"', "match for all accounts or for none"),
    (
        f'{HERE}\n{PEOPLE_BY_UID}\n{MAIL}\ngroup_filter = "(member{{dn}}=)"',
        "group_filter = '(member{dn}=)': must be",
    ),
    (f'{HERE}\nbase = "dc=example"\nfilter = "(uid={{user}})"', "unknown placeholder {user}"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nbind_dn = "cn=reader,dc=example"', "set both or neither"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nrequired_groups = ["mail"]', "distinguished name"),
    (f'{HERE}\n{PEOPLE_BY_UID}\ngroup_filter = "(member={{dn}})"', "is used only with required_groups"),
    (f'{HERE}\n{PEOPLE_BY_UID}\ncheck = "hash"\ndefault_scheme = "ROT13"', "must be one of"),
    (f'{HERE}\n{PEOPLE_BY_UID}\ndefault_scheme = "PLAIN"', 'is used only with check = "hash"'),
    (
        f'{HERE}\n{PEOPLE_BY_UID}\nengine = "ldap3"',
        "engine = 'ldap3': this key is gone: extauth needs no LDAP library; remove the line",
    ),
    (
        f"{HERE}\n{PEOPLE_BY_UID}\n{READER}".replace("cn=reader,", "cn=reader,,"),
        "bind_dn = 'cn=reader,,dc=example': must be a distinguished name",
    ),
    (f'{HERE}\n{PEOPLE_BY_UID}\ntls_minimum_version = "1.2"', "is used only with ldaps:// or starttls = true"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nstarttls = true\ntls_minimum_version = "3"', "must be one of '1.0', '1.1', '1.2'"),
    (f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 0", "overall_timeout"),
    (
        f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 15",
        "overall_timeout = 15: must be less than helper.deadline = 15",
    ),
    (f"{HERE}\n{PEOPLE_BY_UID}\nread_timeout = 15", "read_timeout = 15: must be less than helper.deadline = 15"),
    (
        f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 10\nread_timeout = 10.5",
        "read_timeout = 10.5: must not be more",
    ),
    (f"{HERE}\n{PEOPLE_BY_UID}\noverall_timeout = 1\nconnect_timeout = 2", "connect_timeout = 2: must not be more"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nsearch_base = "dc=example"', "unknown key"),
]
"""Keys of a backend, and a part of the error."""

LATE_MISTAKES = [
    (f'{HERE}\n{PEOPLE_BY_UID}\nstarttls = true\ntls_ciphers = "ROT13"', "tls_ciphers = 'ROT13': OpenSSL knows no"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "nowhere"', "ca_file = {}/nowhere: No such file"),
    (f"{HERE}\n{PEOPLE_BY_UID}\n{READER}".replace("reader.s", "s"), "bind_password_file = {}/secret: No such file"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "reader.secret"', "no PEM certificates"),
    (f'{HERE}\n{PEOPLE_BY_UID}\nca_file = "empty"', "no PEM certificates"),
]
"""The same for what extauth tries out after the keys of all backends are right: files and ciphers."""


def errors(site: Site, mistakes: list[tuple[str, str]]) -> list[str]:
    """Check one configuration with all these mistakes. Return the errors of each backend."""
    ldap_site(site.folder)
    site.write("empty", "")
    sections = (
        f'[[backend]]\ntype = "ldap"\nname = "case{number}"\n{keys}\n' for number, (keys, _) in enumerate(mistakes)
    )
    site.configure("".join(sections))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode != 0
    lines = done.stderr.decode().splitlines()
    return ["\n".join(line for line in lines if f"'case{number}'" in line) for number in range(len(mistakes))]


@pytest.fixture(scope="module")
def mistake_errors(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The errors for `MISTAKES`."""
    return errors(Site(tmp_path_factory.mktemp("site")), MISTAKES)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[keys for keys, _ in MISTAKES])
def test_invalid_settings_are_refused_at_start(mistake_errors: list[str], number: int) -> None:
    assert MISTAKES[number][1] in mistake_errors[number]
    assert "geheim" not in mistake_errors[number]


def test_wrong_files_and_ciphers_are_refused_at_start(site: Site) -> None:
    for (_, error), found in zip(LATE_MISTAKES, errors(site, LATE_MISTAKES), strict=True):
        assert error.format(site.folder) in found


def test_empty_service_password_is_refused(site: Site) -> None:
    site.write("reader.secret", "\n")
    site.configure(f'[[backend]]\ntype = "ldap"\n{HERE}\n{READER}\n{PEOPLE_BY_UID}\n')
    assert b"is empty" in site.run("check", "-c", str(site.config)).stderr


ONE, SEVERAL = 'domains = ["a.example"]', 'domains = ["a.example", "b.example"]'
EITHER = "(|(userPrincipalName={account})(sAMAccountName={name}))"


def test_one_entry_in_several_domains_is_warned_about(site: Site) -> None:
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
    warned = re.findall("(dn|filter) = (.*): the same name has the same entry in all domains", done.stdout.decode())
    assert warned == [
        ("dn" if keys.startswith("dn") else "filter", repr(re.findall('"(.*)"', keys)[-1]))
        for keys, _, is_warned in cases
        if is_warned
    ]


@pytest.mark.parametrize("name", ["cn=reader,dc=example", "reader@example.com", r"EXAMPLE\\reader", "reader"])
def test_bind_dn_in_the_forms_of_active_directory(site: Site, name: str) -> None:
    ldap_site(site.folder)
    reader = READER.replace("cn=reader,dc=example", name)
    site.configure(f'[[backend]]\ntype = "ldap"\n{HERE}\n{PEOPLE_BY_UID}\n{reader}\n')
    assert site.run("check", "-c", str(site.config)).returncode == 3  # valid, but no such server


@pytest.mark.parametrize("key", ["starttls", "allow_plaintext"])
def test_remote_server_needs_tls_or_allow_plaintext(site: Site, key: str) -> None:
    site.configure(
        f'[[backend]]\ntype = "ldap"\nservers = ["ldap://ldap.example.com"]\n{PEOPLE_BY_UID}\n{key} = true\n'
    )
    assert site.run("check", "-c", str(site.config)).returncode == 3  # valid, but no such server


@pytest.mark.parametrize("keys", ["", "read_timeout = 3.9"])
def test_default_overall_timeout_follows_the_deadline(site: Site, keys: str) -> None:
    ldap_site(site.folder)
    site.configure(f'[helper]\ndeadline = 4\n[[backend]]\ntype = "ldap"\n{HERE}\n{PEOPLE_BY_UID}\n{keys}\n')
    assert site.run("check", "-c", str(site.config)).returncode == 3  # valid, but no such server
