"""Fixtures: a site (a folder with a configuration and its files), and helpers that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.examples import examples
from tests.helper import Helper, Site
from tests.needs import pytest_terminal_summary  # noqa: F401  # pytest calls it
from tests.plugins import ScriptedSite, scripted_site

settings.register_profile("extauth", examples(100))
settings.load_profile("extauth")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty site. Its helpers are killed after the test."""
    site = Site(tmp_path)
    yield site
    for helper in site.helpers:
        helper.kill()


@pytest.fixture
def helper(site: Site) -> Helper:
    """A running helper with the accounts of `Site.ACCOUNTS`."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    return site.serve()


@pytest.fixture
def scripted(site: Site) -> Iterator[ScriptedSite]:
    """A site with a backend that does what the password says."""
    with scripted_site(site) as scripted:
        yield scripted
