"""The start of the helper imports only what it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helper import Site, wait_until

NOT_NEEDED = {
    *("argon2", "argparse", "asyncio", "bcrypt", "click", "concurrent", "ctypes.util", "email", "http", "idna"),
    *("importlib.metadata", "json", "ldap", "ldap3", "multiprocessing", "pam", "passlib", "pyasn1"),
    *("rich", "ssl", "subprocess", "tempfile", "twisted", "unittest", "xml"),
    *("extauth.backends.files", "extauth.harness", "extauth.frontend.frontend"),
}
"""Slow modules that only some backends, other commands or the frontend need."""


@pytest.fixture
def imported(site: Site) -> set[str]:
    """Return the modules that are imported before the first fork. Later ones do not reach standard error."""
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve(env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
    status = helper.end()
    errors = helper.errors()
    assert status == 0, errors
    return {line.rpartition("|")[2].strip() for line in errors.splitlines() if "|" in line}


def test_no_large_module_is_imported_before_the_first_fork(imported: set[str]) -> None:
    assert imported & NOT_NEEDED == set()


def test_later_supervisors_reuse_imported_code(imported: set[str]) -> None:
    assert {"extauth.chain.build", "extauth.workers.supervisor", "extauth.workers.worker"} <= imported


def test_international_domains_are_loaded_before_they_come(site: Site) -> None:
    # The frontend opens no file later: a disk that hangs would stop all requests.
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    libraries = Path(f"/proc/{helper.process.pid}/maps")
    wait_until(lambda: "/unicodedata." in libraries.read_text(), "idna is loaded")
    assert helper.end() == 0
