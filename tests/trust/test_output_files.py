"""The log file is never a file that another user has chosen, through the real program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helper import Helper, Site, wait_until
from tests.needs import needs_root
from tests.trust.support import OTHER, set_acl

LOGIN = b"1 VRFY alice@example.com open sesame"


def _serve(site: Site) -> Helper:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(Site.BASIC + '[log]\nfile = "var/log/extauth.log"\n')
    return site.serve()


def _log(site: Site) -> Path:
    (site.folder / "var/log").mkdir(parents=True)
    return site.folder / "var/log/extauth.log"


def _link(site: Site, log: Path) -> None:
    log.symlink_to(site.folder / "victim")


def _dangling_link(site: Site, log: Path) -> None:
    log.symlink_to(site.folder / "new")


def _hard_link_in_a_shared_folder(site: Site, log: Path) -> None:
    log.hardlink_to(site.folder / "victim")
    log.parent.chmod(0o1777)


def _file_of_another_user_in_a_shared_folder(site: Site, log: Path) -> None:
    log.touch()
    os.chown(log, OTHER, -1)
    log.parent.chmod(0o1777)


def _file_of_another_user_in_a_folder_of_a_group(site: Site, log: Path) -> None:
    log.touch()
    os.chown(log, OTHER, -1)
    os.chown(log.parent, -1, OTHER)
    log.parent.chmod(0o775)


def _open_folder(site: Site, log: Path) -> None:
    log.parent.chmod(0o777)


def _folder_of_another_user(site: Site, log: Path) -> None:
    os.chown(log.parent, OTHER, -1)


def _folder_above_of_another_user(site: Site, log: Path) -> None:
    os.chown(log.parent.parent, OTHER, -1)


def _folder_above_with_an_acl(site: Site, log: Path) -> None:
    set_acl(log.parent.parent, f"u:{OTHER}:rwx")


def _link_in_a_shared_folder(site: Site, log: Path) -> None:
    log.parent.rmdir()
    log.parent.symlink_to(site.folder / "elsewhere")
    (site.folder / "elsewhere").mkdir()
    log.parent.parent.chmod(0o1777)


UNSAFE: list[tuple[Callable[[Site, Path], None], str]] = [
    (_link, "extauth.log: is a symbolic link, which is not followed"),
    (_dangling_link, "extauth.log: is a symbolic link, which is not followed"),
    (_hard_link_in_a_shared_folder, "extauth.log: this log file has 2 names"),
    (_file_of_another_user_in_a_shared_folder, f"extauth.log: this log file belongs to uid {OTHER}"),
    (_file_of_another_user_in_a_folder_of_a_group, f"extauth.log: this log file belongs to uid {OTHER}"),
    (_open_folder, r"log: this folder .*is writable by everyone \(mode 0777\)"),
    (_folder_of_another_user, rf"log: this folder .*belongs to uid {OTHER}"),
    (_folder_above_of_another_user, rf"var: this folder .*belongs to uid {OTHER}"),
    (_folder_above_with_an_acl, rf"var: this folder .*is writable by uid {OTHER} \(in its ACL\)"),
    (_link_in_a_shared_folder, r"var: this folder .*is writable by everyone \(mode 1777\)"),
]


@needs_root
@pytest.mark.parametrize(("make", "problem"), UNSAFE)
def test_an_unsafe_log_is_reported_and_not_written(
    site: Site, make: Callable[[Site, Path], None], problem: str
) -> None:
    victim = site.write("victim", "content\n")
    make(site, _log(site))
    helper = _serve(site)
    helper.wait_for_information(f"log.file = .*{problem}")
    assert helper.ask(LOGIN) == b"OK"
    assert helper.end() == 0
    assert victim.read_text() == "content\n"
    assert not (site.folder / "new").exists()
    assert problem.split(":")[0] in site.run("check", "-c", str(site.config)).stdout.decode()


@needs_root
def test_a_log_folder_of_a_group_is_accepted(site: Site) -> None:
    log = _log(site)
    os.chown(log.parent, -1, OTHER)
    log.parent.chmod(0o2775)
    helper = _serve(site)
    assert helper.ask(LOGIN) == b"OK"
    wait_until(lambda: log.exists() and "alice@example.com" in log.read_text(), "a record")
    assert helper.end() == 0


def test_the_folder_of_the_log_may_be_a_link(site: Site) -> None:
    log = _log(site)
    log.parent.rename(site.folder / "disk")
    log.parent.symlink_to("../disk")
    helper = _serve(site)
    assert helper.ask(LOGIN) == b"OK"
    wait_until(lambda: (site.folder / "disk/extauth.log").exists(), "the log file")
    assert helper.end() == 0
