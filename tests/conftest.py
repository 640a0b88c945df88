"""Fixtures: a site (a folder with a configuration and its files), and helpers that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.examples import examples
from tests.helper import Helper, Site
from tests.plugins import Stage, set_stage

settings.register_profile("as many as are asked for", examples(100))
settings.load_profile("as many as are asked for")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A folder that nobody else writes to; every helper that was started in it has ended when the test has."""
    site = Site(tmp_path)
    yield site
    for helper in site.helpers:
        helper.kill()


@pytest.fixture
def helper(site: Site) -> Helper:
    """A helper with a few accounts: see `Site.ACCOUNTS`."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    return site.serve()


@pytest.fixture
def stage(site: Site) -> Iterator[Stage]:
    """A site with a backend that does what it is told."""
    with set_stage(site) as stage:
        yield stage
