"""Folders and symbolic links on the way to a file, through the real program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.helper import Site
from tests.needs import needs_root
from tests.trust.support import LOGIN, OTHER, assert_refused, file_backends, write_passwd


def _give_away(path: Path) -> None:
    os.chown(path.parent.parent, OTHER, -1)


def _give_to_a_group(path: Path) -> None:
    folder = path.parent.parent
    os.chown(folder, -1, OTHER)
    folder.chmod(0o770)


def _link_in_a_folder_of_a_group(path: Path) -> None:
    folder = _new_folder(path)
    _link(path, folder / "link")
    os.chown(folder, -1, OTHER)
    folder.chmod(0o775)


def _link_in_a_sticky_folder(path: Path) -> None:
    folder = _new_folder(path)
    _link(path, folder / "link")
    folder.chmod(0o1777)


def _link_to_a_folder_in_a_sticky_folder(path: Path) -> None:
    folder = _new_folder(path)
    files = path.parent
    files.rename(folder / "files")
    (folder / "link").symlink_to("files")
    files.symlink_to(folder / "link")
    folder.chmod(0o1777)


def _link_through_a_folder_of_another_user(path: Path) -> None:
    folder = _new_folder(path)
    _link(path, folder / "link")
    os.chown(folder, OTHER, -1)


def _new_folder(path: Path) -> Path:
    folder = path.parent.parent / "shared"
    folder.mkdir()
    return folder


def _link(path: Path, link: Path) -> None:
    """Let `path` lead to its content through `link`."""
    target = path.with_name("target")
    path.rename(target)
    link.symlink_to(target)
    path.symlink_to(link)


UNSAFE: list[tuple[Callable[[Path], None], str]] = [
    (_give_away, rf"above: this folder .*belongs to uid {OTHER}"),
    (_give_to_a_group, rf"above: this folder .*is writable by group {OTHER}"),
    (_link_in_a_folder_of_a_group, rf"shared: this folder .*is writable by group {OTHER}"),
    (_link_in_a_sticky_folder, r"shared: this folder .*is writable by everyone \(mode 1777\)"),
    (_link_to_a_folder_in_a_sticky_folder, r"shared: this folder .*is writable by everyone \(mode 1777\)"),
    (_link_through_a_folder_of_another_user, rf"shared: this folder .*belongs to uid {OTHER}"),
]


@needs_root
def test_a_way_that_others_can_change_is_refused(site: Site) -> None:
    backends = file_backends(site, (make for make, _ in UNSAFE), "above")
    site.configure(backends)
    assert_refused(site, *(f"/case{number}/(above/)?{error}" for number, (_, error) in enumerate(UNSAFE)))
    site.configure("[helper]\nallow_unsafe_files = true\n" + backends)
    requests = [b"%d VRFY alice@c%d.example x" % (number, number) for number in range(len(UNSAFE))]
    assert site.session(*requests) == [b"%d OK" % number for number in range(len(UNSAFE))]


def test_links_without_other_writers_are_followed(site: Site) -> None:
    path = write_passwd(site)
    folder = _new_folder(path)
    _link(path, folder / "link")
    folder.rename(site.folder / "elsewhere")
    folder.symlink_to("../elsewhere")
    assert site.session(LOGIN) == [b"1 OK"]


@needs_root
def test_a_sticky_folder_of_another_user_is_refused(site: Site) -> None:
    path = write_passwd(site)
    path.parent.parent.chmod(0o1777)
    assert site.session(LOGIN) == [b"1 OK"]
    os.chown(path.parent.parent, OTHER, -1)
    assert_refused(site, rf"above: this folder .*belongs to uid {OTHER}")


@needs_root
def test_the_way_to_the_configuration_counts_too(site: Site) -> None:
    folder = site.folder / "away"
    folder.mkdir()
    inner = Site(folder / "etc")
    inner.folder.mkdir()
    inner.write("passwd", Site.ACCOUNTS)
    inner.configure('[helper]\nallow_unsafe_files = true\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    os.chown(folder, OTHER, -1)
    assert_refused(inner, rf"away: this folder .*belongs to uid {OTHER}")
