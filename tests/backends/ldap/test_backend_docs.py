"""docs/ldap.md lists all codes and attributes, and the examples are valid configurations."""

from __future__ import annotations

import re
import shutil

import pytest

from extauth.backends.ldap.account_state import STATE_ATTRIBUTES
from extauth.backends.ldap.result_codes import ACTIVE_DIRECTORY_VERDICTS
from tests.backends.ldap.ldap_site import ldap_site
from tests.backends.ldap.slapd import Certificates
from tests.helper import Site
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "ldap.md").read_text()


def test_page_lists_all_sub_codes_and_attributes() -> None:
    for word in (*ACTIVE_DIRECTORY_VERDICTS, *STATE_ATTRIBUTES):
        assert re.search(rf"\b{word}\b", PAGE), word


@pytest.mark.parametrize("name", ["ldap.toml", "active-directory.toml"])
def test_examples_are_valid(site: Site, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    ldap_site(site.folder)
    authority = Certificates(tmp_path_factory.mktemp("authority")).authority
    site.write("active-directory-ca.pem", authority.read_bytes())
    shutil.copy(ROOT / "examples" / name, site.config)
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 3, done.stderr  # valid, but there is no such server
