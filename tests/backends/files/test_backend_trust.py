"""Files that other users could have written or can read, through the real program."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from extauth.errors import UnsafeFile
from extauth.trust import read_trusted
from tests.helper import Site
from tests.needs import needs_root
from tests.trust.support import file_backends

BACKEND = '[[backend]]\ntype = "files"\npath = "below/files/passwd"\n'


def _writable(path: Path) -> None:
    path.chmod(0o602)


def _in_a_writable_folder(path: Path) -> None:
    path.parent.chmod(0o703)


def _in_a_sticky_folder(path: Path) -> None:
    path.parent.chmod(0o1777)


def _under_a_writable_folder(path: Path) -> None:
    path.parent.parent.chmod(0o777)


def _linked_into_a_writable_folder(path: Path) -> None:
    _move(path, _open_folder(path) / "target")


def _linked_through_a_writable_folder(path: Path) -> None:
    link = _open_folder(path) / "link"
    link.symlink_to(path.with_name("target"))
    path.rename(path.with_name("target"))
    path.symlink_to(link)


def _owned_by_another_user(path: Path) -> None:
    os.chown(path, 12345, -1)


def _in_a_folder_of_another_user(path: Path) -> None:
    os.chown(path.parent, 12345, -1)


def _make_huge(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, 2**31)


def _instead_of_the_file(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def make_instead(path: Path) -> None:
        path.unlink()
        make(path)

    return make_instead


def _open_folder(path: Path) -> Path:
    folder = path.parent.parent / "open"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def _move(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def _shared_with_a_group(path: Path) -> None:
    os.chown(path, -1, 12345)
    path.chmod(0o660)


Case = tuple[Callable[[Path], object], str]
"""What makes a password file unsafe, and the error."""

WRITABLE: list[Case] = [
    (_writable, r"passwd: this file is writable by everyone \(mode 0602\); run: chmod o-w /.*passwd\b"),
    (_in_a_writable_folder, r"files: this folder .*is writable by everyone"),
    (_in_a_sticky_folder, r"files: this folder .*is writable by everyone"),
    (_under_a_writable_folder, r"this folder .*is writable by everyone"),
    (_linked_into_a_writable_folder, r"open: this folder .*is writable by everyone"),
    (_linked_through_a_writable_folder, r"open: this folder .*is writable by everyone"),
]
OF_OTHERS: list[Case] = [
    (_shared_with_a_group, r"passwd: this file is writable by group 12345 \(mode 0660\); run: chmod g-w /.*passwd\b"),
    (_owned_by_another_user, r"passwd: this file belongs to uid 12345; it must belong to root"),
    (_in_a_folder_of_another_user, r"files: this folder .*belongs to uid 12345"),
]
UNSAFE = pytest.mark.parametrize("cases", [WRITABLE, pytest.param(OF_OTHERS, marks=needs_root)], ids=["all", "root"])


@pytest.fixture
def passwd(site: Site) -> Path:
    """A password file two folders below the configuration, which names it."""
    site.configure(BACKEND)
    (site.folder / "below").mkdir()
    return site.write("below/files/passwd", "alice@example.com:{PLAIN}x\n")


def _make_all(site: Site, cases: list[Case], settings: str = "") -> None:
    """Configure a backend for each case."""
    site.configure(settings + file_backends(site, (make for make, _ in cases), "below"))


def _are_refused(site: Site, cases: list[Case]) -> None:
    """`extauth check` fails with the error of each case. `extauth serve` reads the same files."""
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    for line, (_, error) in zip(done.stderr.decode().splitlines(), cases, strict=True):
        assert re.search(error, line)


@UNSAFE
def test_a_file_writable_by_others_is_refused(site: Site, cases: list[Case]) -> None:
    _make_all(site, cases)
    _are_refused(site, cases)


@UNSAFE
def test_allow_unsafe_files_accepts_a_file_writable_by_others(site: Site, cases: list[Case]) -> None:
    _make_all(site, cases, "[helper]\nallow_unsafe_files = true\n")
    requests = [b"%d VRFY alice@c%d.example x" % (number, number) for number in range(len(cases))]
    assert site.session(*requests) == [b"%d OK" % number for number in range(len(cases))]


def test_a_sticky_folder_further_up_is_accepted(site: Site, passwd: Path) -> None:
    passwd.parent.parent.chmod(0o1777)
    assert site.session(b"1 VRFY alice@example.com x") == [b"1 OK"]


def test_a_file_of_another_user_is_refused(passwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(passwd, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)  # the file then belongs to another user
    with pytest.raises(UnsafeFile, match=r"this file belongs to uid \d+; it must belong to root or to uid"):
        read_trusted(passwd)


SPECIAL: list[Case] = [
    (os.mkfifo, "is a FIFO; it must be a regular file"),
    (Path.mkdir, "is a folder; it must be a regular file"),
    (lambda path: path.symlink_to("/dev/null"), "is a device; it must be a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "is a device; it must be a regular file"),
    (_make_huge, "has 2147483648 bytes; at most 2147483647 are"),
    (lambda path: path.symlink_to("nowhere"), "passwd: No such file or directory"),
    (lambda path: path.symlink_to(path), "passwd: Too many levels of symbolic links"),
]


def test_a_special_or_huge_file_is_always_refused(site: Site) -> None:
    cases = [(_instead_of_the_file(make), error) for make, error in SPECIAL]
    _make_all(site, cases, "[helper]\nallow_unsafe_files = true\n")
    _are_refused(site, cases)


def test_a_file_readable_by_everyone_gets_a_warning(site: Site, passwd: Path) -> None:
    passwd.chmod(0o604)
    warning = f"{passwd}: every user can read this file; run: chmod o-r {passwd}"
    assert warning in site.run("check", "-c", str(site.config)).stdout.decode()
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com x") == b"OK"
    helper.wait_for_information(f"{warning}$")


def test_a_private_file_gets_no_warning(site: Site, passwd: Path) -> None:
    assert "readable" not in site.run("check", "-c", str(site.config)).stdout.decode()


@pytest.mark.parametrize("allow", ["", "[helper]\nallow_unsafe_files = true\n"])
def test_a_configuration_writable_by_others_is_always_refused(site: Site, passwd: Path, allow: str) -> None:
    site.configure(allow + BACKEND)
    site.config.chmod(0o602)
    _is_refused(site, r"extauth.toml: this file is writable by everyone \(mode 0602\); run: chmod o-w")


def _is_refused(site: Site, error: str) -> None:
    """`extauth check` fails with this error. `extauth serve` reads the same files."""
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    assert re.search(error, done.stderr.decode())
