"""What the CLI has changed, in files of the base directory."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from extauth.errors import ConfigError
from extauth.harness.mail.accounts_file import read_accounts
from extauth.harness.mail.state import State
from extauth.harness.mail.state_files import StateFiles
from extauth.model import Account
from tests.harness.mail.pwd.admin import ACCOUNTS, Admin
from tests.harness.mail.server import MailServer
from tests.harness.mail.site import HASH_OF_PASSWORD
from tests.helper import EXTAUTH, PATIENCE

MAIN = "Settings/{}.settings"
SECOND = "Domains/second.org/Settings/{}.settings"
_DEEP = "(" * 31 + ")" * 31


def start(folder: Path, accounts: str = ACCOUNTS) -> MailServer:
    """Start a mail server that keeps its state in `folder`/base, with umask 0 as CommuniGate Pro has."""
    (folder / "base").mkdir(exist_ok=True)
    before = os.umask(0)
    try:
        return MailServer(folder, accounts, ["cat"], "--base-directory", str(folder / "base"))
    finally:
        os.umask(before)


def test_everything_that_was_changed_survives_a_restart(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "Settings").mkdir(0o700, parents=True)
    (base / "Settings/.Accounts.settings.new").write_text("left over from a crash")
    with start(tmp_path) as server:
        with Admin(server) as admin:
            assert admin.run("SETACCOUNTRIGHTS local (Domain)") == ["200 OK"]
            assert not (base / MAIN.format("Modules")).exists()
            replies = admin.run(
                'CREATEACCOUNT carol@second.org {Password="tell \\"tale\\"";RealName="Carol C";Deep=' + _DEEP + ";}",
                "SETACCOUNTALIASES carol@second.org (cc, c3)",
                "RENAMEACCOUNT bob@second.org INTO rob@second.org",
                'UPDATEACCOUNTSETTINGS rob@second.org {PasswordEncryption="U-crpt";Password=hashed;}',
                "SETACCOUNTRIGHTS rob@second.org (Domain)",
                "SETACCOUNTRIGHTS local (Domain, BasicSettings)",
                "SETACCOUNTRIGHTS monitor (Monitoring)",
                "DELETEACCOUNT monitor",
                "DELETEACCOUNT pbx",
                'CREATEACCOUNT "a@b \\200\\"}@mymac.ru"',
                "CREATEACCOUNT short",
                "DELETEACCOUNT short",
                'UPDATEDOMAINSETTINGS second.org {FailedLoginFlow=(3,"2h");Comment=[Zm9v];}',
                "UPDATEMODULE SMTP {LogLevel=3;}",
            )
            assert replies == ["200 OK"] * 14
        with Admin(server, "user1") as user:
            assert user.run("NEWPASS own one", "QUIT")[0] == "200 Password updated"
        done = subprocess.run(listen(tmp_path), capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 2
        assert f"{base}: another harness uses this folder; choose another --base-directory" in done.stderr
        assert "own one" not in "".join(server.log)
    modes = {path.relative_to(base).as_posix(): path.stat().st_mode & 0o777 for path in base.rglob("*")}
    names = {file.format(name) for file in (MAIN, SECOND) for name in ("Access", "Accounts")}
    files = names | {MAIN.format("Main"), MAIN.format("Modules"), SECOND.format("Domain"), "Settings/Harness.lock"}
    folders = {"Settings", "Domains", "Domains/second.org", "Domains/second.org/Settings"}
    assert modes == dict.fromkeys(files, 0o600) | dict.fromkeys(folders, 0o700)
    assert (base / MAIN.format("Access")).read_text() == (
        "{\n  postmaster = (Master);\n  local = (Domain, BasicSettings);\n}\n"
    )
    changed = ACCOUNTS.replace("secret of user1", "a new one").replace(
        '"local"', '"local"\npassword_encryption="crypt"'
    )
    with start(tmp_path, changed + '[[domain.account]]\nname = "later"\n') as server, Admin(server) as admin:
        assert admin.run(
            "LISTACCOUNTS",
            "LISTACCOUNTS second.org",
            "GETACCOUNTPLAINPASSWORD cc@second.org",
            "GETACCOUNTSETTINGS c3@second.org",
            "VERIFYACCOUNTPASSWORD rob@second.org PASSWORD hashed",
            "GETACCOUNTRIGHTS rob@second.org",
            "GETACCOUNTRIGHTS local",
            "GETACCOUNTSETTINGS local",
            "GETDOMAINSETTINGS second.org",
            "GETMODULE smtp",
            'VERIFYACCOUNTPASSWORD user1 PASSWORD "own one"',
            "CREATEACCOUNT monitor",
            "GETACCOUNTRIGHTS monitor",
        ) == [
            "201 { postmaster = macnt; user1 = macnt; accounts = macnt; settings = macnt; local = macnt; "
            '"a@b \udcc8\\"}" = macnt; }',
            "201 { postmaster = macnt; master = macnt; later = macnt; carol = macnt; rob = macnt; }",
            '201 "tell \\"tale\\""',
            f'201 {{ RealName = "Carol C"; Deep = {_DEEP}; }}',
            "200 OK",
            "201 (Domain)",
            "201 (Domain, BasicSettings)",
            '201 { PasswordEncryption = "U-crpt"; }',
            "201 { FailedLoginFlow = (3, 2h); Comment = [Zm9v]; }",
            "201 { LogLevel = 3; }",
            "200 OK",
            "200 OK",
            "201 ()",
        ]


def test_a_killed_mail_server_keeps_confirmed_changes(tmp_path: Path) -> None:
    with start(tmp_path) as server, Admin(server) as admin:
        admin.send(b"\r\n".join(b"UPDATEACCOUNTSETTINGS user1 {N=#%d;}" % number for number in range(500)))
        assert {admin.read() for _ in range(50)} == {b"200 OK"}
        server.end(signal.SIGKILL)
    accounts = read_accounts(tmp_path / "accounts.toml")
    State(StateFiles(tmp_path / "base"), accounts)
    user = accounts.get(Account("user1", "mymac.ru"))
    assert user is not None
    assert user.own_settings["N"] in range(49, 500)


def test_a_change_that_cannot_be_saved_is_undone(tmp_path: Path) -> None:
    with start(tmp_path) as server, Admin(server) as admin:
        file = tmp_path / "base" / MAIN.format("Accounts")
        resource.prlimit(server.process, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # as a full disk
        assert admin.run(
            "UPDATEACCOUNTSETTINGS user1 {A=b;}",
            f"UPDATEACCOUNTSETTINGS user1 {{C={'d' * 100_000};}}",
            "GETACCOUNTSETTINGS user1",
        ) == ["200 OK", f"501 cannot be saved, so nothing has changed: File too large: {file}", "201 { A = b; }"]
        assert "A = b" in file.read_text()
        assert not list(file.parent.glob(".*"))
        (tmp_path / "base/Domains").write_text("no folder")
        failed = f"501 cannot be saved, so nothing has changed: File exists: {tmp_path}/base/Domains"
        assert admin.run(
            "SETACCOUNTRIGHTS bob@second.org (Domain)",
            "SETACCOUNTALIASES bob@second.org (rob)",
            "DELETEACCOUNT bob@second.org",
            "UPDATEDOMAINSETTINGS second.org {Comment=[Zm9v];}",
            "GETACCOUNTRIGHTS bob@second.org",
            "GETACCOUNTALIASES bob@second.org",
            "GETDOMAINSETTINGS second.org",
        ) == [failed] * 4 + ["201 ()", "201 ()", "201 {}"]


REPAIR = "; repair it, or move it away"
DAMAGED = [
    ("Access", "{ bob = (Master) }", f"cannot be read: ; is missing after a value, at byte 17{REPAIR}"),
    ("Access", "(Master)", f"must be a dictionary, such as {{ key = value; }}{REPAIR}"),
    ("Access", "{ bob = Master; }", "bob: must be an array of access rights"),
    ("Access", "{ bob = (Master); }", "bob: only an account of the main domain mymac.ru can have the right Master"),
    ("Accounts", "", "cannot be read: the end, but a value is missing, at byte 0"),
    ("Accounts", "{ BOB = {}; }", "'BOB' is not the name of an account"),
    ("Accounts", '{ bob = "tanstaaf"; }', "bob: must be a dictionary, or #NULL# for a deleted account"),
    ("Accounts", "{ bob = { Pass = tanstaaf; }; }", "bob: must have only the keys Settings, Aliases, Password, Pass"),
    ("Accounts", "{ bob = { Password = #1; }; }", "bob: must have one of Password and PasswordHash"),
    ("Accounts", "{ bob = { PasswordHash = tanstaaf; }; }", "bob: PasswordHash must be a complete hash"),
    ("Accounts", "{ bob = { Aliases = (a, #1); }; }", "bob: Aliases must be names"),
    ("Accounts", "{ bob = { Aliases = (master); }; }", "bob: the alias master is also the name of another account"),
    ("Accounts", "{ bob = { Settings = { UseSysPassword = YES; }; }; }", "bob: has UseSysPassword, but no account"),
    ("Domain", "{ FailedLoginFlow = (0, 1m); }", "FailedLoginFlow must be a number and a time"),
]


@pytest.mark.parametrize(("kind", "text", "error"), DAMAGED)
def test_a_damaged_file_is_left_and_named(tmp_path: Path, kind: str, text: str, error: str) -> None:
    path = tmp_path / SECOND.format(kind)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (message,) = errors(tmp_path)
    assert message.startswith(f"{path}: {error}")
    assert "tanstaaf" not in message
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        (
            "Main",
            '{ DomainName = "second.org"; }',
            "DomainName must be mymac.ru, the first domain of",
        ),
        ("Modules", "{ POP = 1; }", "POP: must be a dictionary of settings"),
        ("Modules", "{ POP = { Grant = (x); }; }", "POP: Grant: 'x' must be an address"),
    ],
)
def test_a_wrong_file_of_the_whole_server_is_refused(tmp_path: Path, kind: str, text: str, error: str) -> None:
    (tmp_path / "Settings").mkdir()
    (tmp_path / MAIN.format(kind)).write_text(text)
    (message,) = errors(tmp_path)
    assert message.startswith(f"{tmp_path / MAIN.format(kind)}: {error}")


def test_a_deleted_account_of_a_pattern_stays_deleted(tmp_path: Path) -> None:
    accounts = (
        '[[domain]]\nname = "mymac.ru"\naccount = [{name = "*"}, {name = "postmaster", password = "secret of %s"}]'
    )
    with start(tmp_path, accounts % "postmaster") as server, Admin(server) as admin:
        assert admin.run("DELETEACCOUNT gone", "GETACCOUNTSETTINGS gone", "GETACCOUNTSETTINGS other") == [
            "200 OK",
            "513 unknown user account",
            "201 {}",
        ]
    assert (tmp_path / "base" / MAIN.format("Accounts")).read_text() == "{\n  gone = #NULL#;\n}\n"
    accounts_file = tmp_path / "accounts.toml"
    loaded = read_accounts(accounts_file)
    State(StateFiles(tmp_path / "base"), loaded)
    assert [loaded.get(Account(name, "mymac.ru")) is None for name in ("gone", "other")] == [True, False]


def listen(folder: Path) -> Sequence[str]:
    """Return the command of another harness with the same base directory."""
    options = ["--accounts", str(folder / "accounts.toml"), "--pop3", "0", "--base-directory", str(folder / "base")]
    return [*EXTAUTH, "harness", "listen", *options, "--", "cat"]


def errors(base: Path) -> list[str]:
    """Return the error of a start with this base directory."""
    file = base / "accounts.toml"
    file.write_text(ACCOUNTS)
    files = StateFiles(base)
    with pytest.raises(ConfigError) as raised:
        State(files, read_accounts(file))
    files.close()
    return raised.value.problems


def test_a_kept_hash_is_read_without_computing_it(tmp_path: Path) -> None:
    path = tmp_path / SECOND.format("Accounts")
    path.parent.mkdir(parents=True)
    path.write_text(f'{{ bob = {{ PasswordHash = "{HASH_OF_PASSWORD}"; }}; }}')
    (tmp_path / "accounts.toml").write_text(ACCOUNTS)
    accounts = read_accounts(tmp_path / "accounts.toml")
    State(StateFiles(tmp_path), accounts)
    bob = accounts.get(Account("bob", "second.org"))
    assert bob is not None
    assert bob.own_password is not None
    assert bob.own_password.is_hash
