"""A whole migration in a few seconds: `make demo-migration`. docs/migration.md explains each step.

Dovecot is the old mail server, the harness the new one. Nothing is left behind. It ends with 1 if a step fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import grp
import os
import poplib
import pwd
import re
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from extauth.communigate import CliClient, Value
from extauth.model import Secret

HERE = Path(__file__).parent
EXTAUTH = str(Path(sys.executable).with_name("extauth"))
PATIENCE = 25.0
"""Seconds to wait for something."""

OLD_USERS = """\
alice@example.com:{SHA512-CRYPT}$6$B/rsgbJmEoGIEAg2$bo0EhoRla7eAOneb5simwvgfnDMeROIgKhCoNGgzMN3qnUxQKm.OjQ7xIxAKc8aefo4JLASvNFCUoU8dYJPk3/::::::
bob@example.com:{SHA512-CRYPT}$6$Cda40dLnH8ji0f1c$XADY2L2V2DHlkBqjF4MqMnrAqaG9xVKbUbM62uoE2TOqNxHHHeC5cCzFKoOPyeIsIEZil.WO8VyA5SDRVvtGI1::::::
"""
"""The passwords are "open sesame" and "correct horse"."""


class Failed(Exception):
    """A step did not do what it should."""


def main() -> int:
    """Play the migration. Return the exit status."""
    with tempfile.TemporaryDirectory(prefix="migration-") as name:
        folder = Path(name)
        try:
            with contextlib.ExitStack() as servers:
                play(folder, servers)
        except Failed as error:
            print(f"\nFAILED: {error}", file=sys.stderr)
            for log in ("old/dovecot.log", "server.log", "extauth.log"):
                with contextlib.suppress(FileNotFoundError):
                    print(f"\n{log}:\n{(folder / log).read_text()}", file=sys.stderr)
            return 1
    print("\nThe migration works.")
    return 0


def play(folder: Path, servers: contextlib.ExitStack) -> None:
    """Play all steps."""
    old_port, cli_port = free_port(), free_port()

    step("The old mail server starts: Dovecot with alice and bob. It has hashes of their passwords.")
    old_server = contextlib.ExitStack()
    servers.enter_context(old_server)
    old_server.enter_context(dovecot(folder, old_port))

    step("The new mail server starts: the harness with extauth. It has neither alice nor bob.")
    pop_port = servers.enter_context(new_server(folder, old_port, cli_port))
    admin = CliClient("127.0.0.1", cli_port, account="postmaster", password=Secret(b"battery staple"))
    run(admin, "SETACCOUNTRIGHTS", "robot@example.com", ["Domain", "BasicSettings", "CanCreateAccounts"])
    shown(f"accounts: {accounts(admin)}")

    step("alice logs in at the new server, with her old password.")
    expect(log_in(pop_port, "alice", "open sesame"), "+OK")
    wait_until(lambda: "the mail server has the password of alice" in read(folder / "extauth.log"), "the handover")
    shown("The log of the new server (I: it asks extauth, O: extauth replies):")
    for line in re.findall(r" \d (.*)", read(folder / "server.log")):
        if re.search("alice|O: .* OK", line) and "O: *" not in line:
            shown(f"  {line}")
    shown(f"accounts: {accounts(admin)}")
    settings = run(admin, "GETACCOUNTSETTINGS", "alice@example.com")
    shown(f"settings of alice: {settings}")
    if settings != {"UseAppPassword": "YES", "UseExtPassword": "NO"}:
        raise Failed("the new server still asks extauth about alice")

    step("Logins with wrong passwords and with unknown names fail.")
    expect(log_in(pop_port, "alice", "open sesam"), "-ERR")
    expect(log_in(pop_port, "bob", "wrong"), "-ERR")
    expect(log_in(pop_port, "mallory", "open sesame"), "-ERR [AUTH]")

    step("The old mail server is switched off.")
    old_server.close()

    step("alice logs in again. The new server knows her password now.")
    expect(log_in(pop_port, "alice", "open sesame"), "+OK")

    step("bob comes too late: only the old server had his password. He needs a new one.")
    expect(log_in(pop_port, "bob", "correct horse"), "-ERR")


# --- the servers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def dovecot(folder: Path, port: int) -> Iterator[None]:
    """Run the old mail server."""
    user = login_user = getpass.getuser()
    if os.geteuid() == 0:  # then Dovecot insists on users of its own
        user, login_user = "dovecot", "dovenull"
    group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    folder = folder / "old"
    folder.mkdir()
    values = {"folder": folder, "user": user, "login_user": login_user, "group": group, "port": port}
    config = write(folder / "dovecot.conf", string.Template((HERE / "dovecot.conf").read_text()).substitute(values))
    write(folder / "users", OLD_USERS)
    if os.geteuid() == 0:
        folder.parent.chmod(0o711)
        for path in (folder, folder / "users"):
            shutil.chown(path, user, group)
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise Failed("Dovecot is missing; as root, run: apt-get install dovecot-imapd")
    with running([program, "-F", "-c", str(config)], folder / "dovecot.out"):
        wait_until(lambda: accepts_connections(port), "Dovecot")
        yield


@contextlib.contextmanager
def new_server(folder: Path, old_port: int, cli_port: int) -> Iterator[int]:
    """Run the harness as the new mail server, with extauth. Yield its POP3 port."""
    config = (HERE / "extauth.toml").read_text().replace("port = 106", f"port = {cli_port}")
    write(folder / "extauth.toml", config.replace("imap://127.0.0.1:143", f"imap://127.0.0.1:{old_port}"))
    write(folder / "robot.secret", "secret of robot\n")
    write(folder / "names", "alice@example.com:*\nbob@example.com:*\n")
    accounts = write(folder / "accounts.toml", (HERE / "accounts.toml").read_text())
    options = ["--pop3", "0", "--pwd", str(cli_port), "--host", "127.0.0.1", "--interface", "7"]
    helper = [EXTAUTH, "serve", "-c", str(folder / "extauth.toml")]
    command = [EXTAUTH, "harness", "listen", "--accounts", str(accounts), *options, "--log-level", "All Info", "--"]
    with running([*command, *helper], folder / "server.out", folder / "server.log"):
        wait_until(lambda: "ready\n" in read(folder / "server.out"), "the new mail server")
        yield int(re.findall(r"POP3 127.0.0.1:(\d+)", read(folder / "server.out"))[0])


@contextlib.contextmanager
def running(command: list[str], output: Path, errors: Path | None = None) -> Iterator[None]:
    """Run a program until the end of the block."""
    with output.open("w") as out, (errors or output).open("a") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- the users ------------------------------------------------------------------------------------------


def log_in(port: int, name: str, password: str) -> str:
    """Log in by POP3. Return the reply to the password."""
    client = poplib.POP3("127.0.0.1", port, timeout=PATIENCE)
    try:
        client.user(f"{name}@example.com")
        return client.pass_(password).decode()
    except poplib.error_proto as error:
        return error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
    finally:
        client.close()


def accounts(admin: CliClient) -> str:
    """Return the names of the accounts that the new server has."""
    found = run(admin, "LISTACCOUNTS", "example.com")
    return ", ".join(found) if isinstance(found, dict) else str(found)


def run(admin: CliClient, command: str, *arguments: Value) -> Value:
    """Run a command of the CLI. Return its data."""

    async def main() -> Value:
        async with admin:
            return await admin.command(command, *arguments)

    return asyncio.run(main())


# --- what is printed ------------------------------------------------------------------------------------

_steps = 0


def step(text: str) -> None:
    """Print what happens next."""
    global _steps
    _steps += 1
    print(f"\n{_steps}. {text}", flush=True)


def shown(text: str) -> None:
    """Print what was seen."""
    print(f"   {text}", flush=True)


def expect(reply: str, start: str) -> None:
    """Print a reply of POP3. It must have this start."""
    shown(f"POP3: {reply}")
    if not reply.startswith(start):
        raise Failed(f"the reply is not {start}")


# --- small things ---------------------------------------------------------------------------------------


def read(file: Path) -> str:
    """Return the text of a file; nothing if it does not exist."""
    return file.read_text() if file.exists() else ""


def write(file: Path, text: str) -> Path:
    """Write a file for this user alone."""
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def free_port() -> int:
    """Return a port on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def accepts_connections(port: int) -> bool:
    """Return whether a program listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise Failed(f"{what} never came")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
