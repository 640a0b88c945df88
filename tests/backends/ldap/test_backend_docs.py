"""docs/ldap.md lists all codes and attributes, and the examples are valid configurations."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from extauth.backends.ldap.account_state import STATE_ATTRIBUTES
from extauth.backends.ldap.result_codes import ACTIVE_DIRECTORY_VERDICTS
from tests.backends.ldap.ldap_site import BY_ATTRIBUTE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Certificates, Slapd
from tests.helper import Site
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "ldap.md").read_text()


NOBODY_HAS_IT = BY_ATTRIBUTE.replace("seeAlso", "pager")


def test_page_lists_all_sub_codes_and_attributes() -> None:
    for word in (*ACTIVE_DIRECTORY_VERDICTS, *STATE_ATTRIBUTES):
        assert re.search(rf"\b{word}\b", PAGE), word


def test_check_names_a_misspelt_group_and_looks_up_accounts(
    slapd: Slapd, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = ldap_site(tmp_path_factory.mktemp("group"))
    misspelt = BY_ATTRIBUTE.replace("cn=mail,", "cn=mial,")
    site.configure(
        section("right", READER, PEOPLE_BY_UID, BY_ATTRIBUTE, servers=repr(slapd.url))
        + section("wrong", READER, PEOPLE_BY_UID, misspelt, servers=repr(slapd.url))
        + section("locked", READER, PEOPLE_BY_UID, servers=repr(slapd.url))
        + section("without", READER, PEOPLE_BY_UID, NOBODY_HAS_IT, servers=repr(slapd.url))
    )

    def check(account: str) -> list[str]:
        done = site.run("check", "-c", str(site.config), "--account", account, "--json")
        report = json.loads(done.stdout)
        assert done.returncode == 0
        texts = report["notes"] + report["warnings"]
        group = "the search in cn=mial,ou=groups,dc=example returned 32 noSuchObject"
        assert f"{slapd.url}: required_groups: {group}; is the name right?" in texts
        nobody = "no entry below ou=people,dc=example has pager, so no account is in a group"
        assert f"{slapd.url}: required_groups: {nobody}; OpenLDAP needs the overlay memberof" in texts
        return [text for text in texts if text.startswith(account)]

    assert check("alice@right.example") == ["alice@right.example: found in right"]
    who = "alice@wrong.example"
    unknown = f"{who}: unknown in wrong: uid=alice,ou=people,dc=example is not in cn=mial,ou=groups,dc=example"
    assert check(who) == [unknown, f"{who}: no backend knows this account"]
    (text,) = check("disabled@locked.example")
    assert text.startswith("disabled@locked.example: found in locked, but cannot log in: locked, disabled or expired: ")


@pytest.mark.parametrize("name", ["ldap.toml", "active-directory.toml"])
def test_examples_are_valid(site: Site, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    ldap_site(site.folder)
    authority = Certificates(tmp_path_factory.mktemp("authority")).authority
    site.write("active-directory-ca.pem", authority.read_bytes())
    shutil.copy(ROOT / "examples" / name, site.config)
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 3, done.stderr  # valid, but there is no such server
