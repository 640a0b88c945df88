"""What is done before the first answer: only what has to be."""

from __future__ import annotations

import os

import pytest

from tests.helper import Site

NOT_NEEDED = {
    *("argon2", "argparse", "asyncio", "bcrypt", "concurrent", "ctypes.util", "email", "http", "idna"),
    *("importlib.metadata", "json", "ldap", "ldap3", "multiprocessing", "pam", "passlib", "pyasn1", "rich", "ssl"),
    *("subprocess", "tempfile", "twisted", "unittest", "xml"),
    *("extauth.backends", "extauth.harness", "extauth.server.server"),
}
"""Modules that take their time, and that some backends need, other commands, or the front process alone."""


@pytest.fixture
def imported(site: Site) -> set[str]:
    """What the helper has imported when it forks its first keeper, after it has put standard error out of reach."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve(env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
    status = helper.end()
    errors = helper.errors()
    assert status == 0, errors
    return {line.rpartition("|")[2].strip() for line in errors.splitlines() if "|" in line}


def test_nothing_large_is_imported_before_the_first_keeper_is_forked(imported: set[str]) -> None:
    assert imported & NOT_NEEDED == set()


def test_later_keepers_have_the_code_of_the_first_in_memory(imported: set[str]) -> None:
    assert {"extauth.chain.build", "extauth.workers.keeper", "extauth.workers.worker"} <= imported
