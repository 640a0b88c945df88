"""A site whose password file lies some folders below its configuration."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.helper import Site

OTHER = 12345
"""A user and a group that extauth does not run as."""

BACKEND = '[[backend]]\ntype = "files"\npath = "above/files/passwd"\n'
LOGIN = b"1 VRFY alice@example.com x"


def write_passwd(site: Site) -> Path:
    """Write the configuration and the password file."""
    site.configure(BACKEND)
    (site.folder / "above").mkdir()
    return site.write("above/files/passwd", "alice@example.com:{PLAIN}x\n")


def allow_unsafe_files(site: Site) -> None:
    """Configure that unsafe files are accepted."""
    site.configure("[helper]\nallow_unsafe_files = true\n" + BACKEND)


def file_backends(site: Site, makes: Iterable[Callable[[Path], object]], folder: str) -> str:
    """Write case0/FOLDER/files/passwd for c0.example, and so on, and make each unsafe. Return the backends."""
    sections = []
    for number, make in enumerate(makes):
        path = site.folder / f"case{number}" / folder / "files/passwd"
        path.parent.mkdir(parents=True)
        path.write_text("alice:{PLAIN}x\n")
        path.chmod(0o600)
        make(path)
        sections.append(f'[[backend]]\ntype = "files"\npath = "{path}"\ndomains = ["c{number}.example"]\n')
    return "".join(sections)


def set_acl(path: Path, entry: str) -> None:
    """Add an entry to the ACL of a file or folder, or skip the test if the file system has no ACLs."""
    done = subprocess.run(["setfacl", "-m", entry, str(path)], check=False, capture_output=True)
    if b"not supported" in done.stderr:
        pytest.skip("needs a file system with ACLs for its files; run: TMPDIR=/dev/shm make test")
    assert done.returncode == 0, done.stderr


def assert_refused(site: Site, *errors: str) -> None:
    """Check that `serve` does not start, and says why."""
    done = site.run("serve", "-c", str(site.config))
    assert done.returncode == 1
    reasons = re.split("; (?=/)", done.stderr.decode())  # each begins with a path
    for error in errors:
        assert any(re.search(error, reason) for reason in reasons), (error, reasons)
