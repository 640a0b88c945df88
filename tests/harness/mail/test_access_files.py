"""The access rights in files of the base directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness.mail.pwd.admin import ACCOUNTS, Admin
from tests.harness.mail.server import MailServer
from tests.helper import EXTAUTH, PATIENCE


def start(folder: Path) -> MailServer:
    """Start a mail server that keeps the rights in `folder`/base."""
    (folder / "base").mkdir(exist_ok=True)
    return MailServer(folder, ACCOUNTS, ["cat"], "--base-directory", str(folder / "base"))


def refusal(folder: Path) -> str:
    """Return the error of a mail server that must not start with `folder`/base."""
    accounts, base = folder / "accounts.toml", folder / "base"
    accounts.write_text(ACCOUNTS)
    options = ["--accounts", str(accounts), "--pwd", "0", "--base-directory", str(base)]
    command = [*EXTAUTH, "harness", "listen", *options, "--", "cat"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 2
    return done.stderr


def test_rights_survive_a_restart(tmp_path: Path) -> None:
    main = tmp_path / "base/Settings/Access.settings"
    second = tmp_path / "base/Domains/second.org/Settings/Access.settings"
    with start(tmp_path) as server:
        with Admin(server) as admin:
            admin.run("SETACCOUNTRIGHTS bob@second.org (Domain)", "SETACCOUNTRIGHTS local (Domain, BasicSettings)")
            admin.run("SETACCOUNTRIGHTS user1 (Monitoring)", "DELETEACCOUNT user1")
        assert main.read_text() == "{ postmaster = (Master); local = (Domain, BasicSettings); }\n"
        assert second.read_text() == "{ bob = (Domain); }\n"
        assert f"{tmp_path}/base: another harness uses this folder" in refusal(tmp_path)
    with start(tmp_path) as server, Admin(server, "bob@second.org") as bob:
        assert bob.run("GETACCOUNTRIGHTS bob", "GETACCOUNTRIGHTS local@mymac.ru")[0] == "201 (Domain)"


def test_a_right_that_cannot_be_saved_is_not_granted(tmp_path: Path) -> None:
    with start(tmp_path) as server, Admin(server) as admin:
        (tmp_path / "base/Domains").write_text("no folder")
        assert admin.run("SETACCOUNTRIGHTS bob@second.org (Domain)", "GETACCOUNTRIGHTS bob@second.org") == [
            "501 the access rights of second.org cannot be saved: Not a directory",
            "201 ()",
        ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{ postmaster = (Master) }", "cannot be read: ; is missing after a value, at byte 24"),
        ("(Master)", "must be a dictionary of arrays, such as { postmaster = (Master); }"),
        ("{ bob = (Master); }", "bob: only an account of the main domain mymac.ru can have the right Master"),
    ],
)
def test_an_invalid_file_of_rights_stops_the_start(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "base/Domains/second.org/Settings/Access.settings"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert f"{path}: {error}" in refusal(tmp_path)
