"""Fixtures of the LDAP tests: a slapd, and helpers with one LDAP backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_site import ENTRIES, LOG, PEOPLE, PEOPLE_BY_UID, READER, Serve, ldap_site, section
from tests.backends.ldap.slapd import Slapd
from tests.helper import Helper, Site

SHORT = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 3"


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    slapd = Slapd(tmp_path / "slapd", ENTRIES + PEOPLE)
    yield slapd
    slapd.kill()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a helper whose only backend asks these servers."""
    (tmp_path / "site").mkdir()
    site: Site = ldap_site(tmp_path / "site")

    def serve(
        *urls: str, keys: str = f"{READER}\n{PEOPLE_BY_UID}", log: str = LOG, times: str = SHORT, **options: object
    ) -> Helper:
        site.configure(log + section("x", keys, times, servers=", ".join(map(repr, urls))))
        return site.serve(**options)

    yield serve
    for helper in site.helpers:
        helper.kill()
