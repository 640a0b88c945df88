"""POSIX ACLs count like the bits of the mode, through the real program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helper import Site, send_sighup
from tests.needs import needs_root
from tests.trust.support import LOGIN, OTHER, allow_unsafe_files, assert_refused, set_acl, write_passwd

PLUGIN = """
from extauth import Backend, Verdict

class B(Backend):
    def verify_password(self, account, password):
        return Verdict.OK
"""
UNSAFE: list[tuple[str, Callable[[Path], Path], str]] = [
    (f"u:{OTHER}:rw", lambda path: path, rf"passwd: this file is writable by uid {OTHER} \(in its ACL\); run: setfacl"),
    (f"g:{OTHER}:rw", lambda path: path, rf"passwd: this file is writable by group {OTHER} \(in its ACL\)"),
    (f"u:{OTHER}:w", lambda path: path, "passwd: this file is writable by uid"),
    (f"u:{OTHER}:rwx", lambda path: path.parent, rf"files: this folder .*is writable by uid {OTHER}"),
    (f"u:{OTHER}:rwx", lambda path: path.parent.parent, rf"above: this folder .*is writable by uid {OTHER}"),
    (f"g:{OTHER}:rwx", lambda path: path.parent.parent, rf"above: this folder .*is writable by group {OTHER}"),
]
HARMLESS: list[tuple[str, Callable[[Path], Path]]] = [
    (f"u:{OTHER}:r", lambda path: path),
    (f"u:{OTHER}:rwx,m::rx", lambda path: path.parent),
    ("u:0:rw,g:0:rw", lambda path: path),
    (f"d:u:{OTHER}:rwx", lambda path: path.parent),  # for new files: it is seen in their own ACL
]


@pytest.mark.parametrize(("entry", "where", "error"), UNSAFE)
def test_an_acl_that_lets_others_write_is_refused(
    site: Site, entry: str, where: Callable[[Path], Path], error: str
) -> None:
    set_acl(where(write_passwd(site)), entry)
    assert_refused(site, error)
    allow_unsafe_files(site)
    assert site.session(LOGIN) == [b"1 OK"]


@pytest.mark.parametrize(("entry", "where"), HARMLESS)
def test_an_acl_without_other_writers_is_accepted(site: Site, entry: str, where: Callable[[Path], Path]) -> None:
    set_acl(where(write_passwd(site)), entry)
    assert site.session(LOGIN) == [b"1 OK"]


@needs_root
def test_mask_of_an_acl_is_not_a_group_permission(site: Site) -> None:
    path = write_passwd(site)
    os.chown(path, -1, OTHER)
    set_acl(path, "u:0:rw,g::r")
    assert path.stat().st_mode & 0o020  # `ls` shows the mask as the permissions of the group
    assert site.session(LOGIN) == [b"1 OK"]
    set_acl(path, "g::rw")
    assert_refused(site, rf"passwd: this file is writable by group {OTHER} \(in its ACL\)")


def test_a_new_file_inherits_an_unsafe_acl_and_is_refused(site: Site) -> None:
    path = write_passwd(site)
    helper = site.serve()
    assert helper.ask(LOGIN) == b"OK"
    set_acl(path.parent, f"d:u:{OTHER}:rw")
    path.unlink()
    path.write_text("alice@example.com:{PLAIN}new\n")
    helper.wait_for_information(rf"reload failed.*passwd: this file is writable by uid {OTHER}")
    assert helper.ask(LOGIN) == b"OK"
    assert helper.end() == 0


def test_acls_of_configuration_and_plugin_count_too(site: Site) -> None:
    write_passwd(site)
    site.write("plugin.py", PLUGIN)
    site.configure('[[backend]]\ntype = "plugin.py:B"\n')
    helper = site.serve()
    assert helper.ask(LOGIN) == b"OK"
    set_acl(site.folder / "plugin.py", f"u:{OTHER}:rw")
    send_sighup(helper)
    helper.wait_for_information(rf"reload failed.*plugin.py: this file is writable by uid {OTHER}")
    set_acl(site.config, f"u:{OTHER}:rw")
    send_sighup(helper)
    helper.wait_for_information(rf"reload failed.*extauth.toml: this file is writable by uid {OTHER}")
    assert helper.end() == 0
