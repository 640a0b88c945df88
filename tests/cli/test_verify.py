"""`extauth verify`: the whole way of one login, and no password in what it prints."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess

import pytest

from tests.helper import EXTAUTH, PATIENCE, Site
from tests.plugins import plugin

FIXED = '[[backend]]\ntype = "fixed_result.py:FixedResult"\ndomains = ["example.com"]\n'
FILES = '[[backend]]\ntype = "files"\nname = "files"\npath = "passwd"\ndomains = ["example.com", "example.org"]\n'

NO = "ERROR incorrect password"

OWN = """\
import asyncio
from extauth import Account, Backend, BackendUnavailable, Secret, Settings, Verdict, VerdictResult

class Leaks(Backend[Settings]):
    def verify_password(self, account: Account, password: Secret) -> Verdict:
        self.log.error("no login with %s", password.reveal())
        try:
            raise KeyError(password.reveal())
        except KeyError:
            raise ValueError("no such column")

class Waits(Backend[Settings]):
    async def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        if account.name == "slow":
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return Verdict.USER_DISABLED.because("locked since May")

    async def open(self) -> None:
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        await self._lock.acquire()
"""


def verify(
    site: Site, *arguments: str, password: bytes = b"open sesame\n"
) -> tuple[int, list[str], subprocess.CompletedProcess[bytes]]:
    """Run the command. Return its status, the lines of its output without times, and all of it."""
    done = site.run("verify", "-c", "extauth.toml", *arguments, input=password)
    lines = re.sub(r"in [0-9.]+ s", "in T s", done.stdout.decode()).splitlines()
    return done.returncode, lines, done


@pytest.fixture
def two(site: Site) -> Site:
    """A backend without accounts, then a password file."""
    site.write("fixed_result.py", plugin("fixed_result.py"))
    site.write("passwd", Site.ACCOUNTS)
    site.configure(f'{FIXED}name = "first"\nresult = "USER_UNKNOWN"\n{FILES}')
    return site


def test_verify_shows_what_each_backend_says(two: Site) -> None:
    assert verify(two, "Alice@EXAMPLE.com")[:2] == (
        0,
        [
            "alice@example.com, VRFY",
            "├─ backends of the domain: first, files",
            "├─ first: USER_UNKNOWN in T s",
            "├─ files: OK in T s",
            "└─ reply to the mail server: OK",
            "",
            "files accepts the password: the user may log in",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "password", "status", "reply", "advice"),
    [
        (["alice@example.com"], b"wrong\n", 1, NO, "files knows the account, the password is wrong"),
        (["alice@example.com"], b"\n", 1, NO, "the password is empty"),
        (["nobody@example.com"], b"x", 1, NO, "no backend knows the account; asked: first, files"),
        (
            ["alice@example.net"],
            b"x\n",
            1,
            NO,
            "no backend serves example.net; configured: example.com, example.org",
        ),
        (["alice@-.net"], b"x\n", 1, NO, "the domain is not a host name"),
        (
            ["alice"],
            b"x\n",
            1,
            "ERROR malformed request",
            "malformed request: the account has no domain, and default_domain is not set",
        ),
        (["--sasl", "APOP", "alice@example.org"], b"x\n", 1, NO, "no backend knows the account; asked: files"),
    ],
)
def test_last_line_names_the_problem(
    two: Site, arguments: list[str], password: bytes, status: int, reply: str, advice: str
) -> None:
    found, lines, _ = verify(two, *arguments, password=password)
    assert (found, lines[-3:]) == (status, [f"└─ reply to the mail server: {reply}", "", advice])


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "apop"])
def test_mechanism_needs_the_password_in_clear_text(site: Site, mechanism: str) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(FILES)
    assert verify(site, "--sasl", mechanism, "alice@example.com")[0] == 0
    assert verify(site, "--sasl", mechanism, "alice@example.com", password=b"wrong")[0] == 1
    status, lines, _ = verify(site, "--sasl", mechanism, "bob@example.com", password=b"password")
    assert (status, lines[2:4]) == (1, ["├─ files: SCHEME_NOT_AVAILABLE in T s", "│    SHA is stored one-way"])
    site.configure(f"[sasl]\nmechanisms = []\n{FILES}")
    status, lines, _ = verify(site, "--sasl", mechanism, "alice@example.com")
    assert (status, lines[1]) == (1, "└─ reply to the mail server: ERROR unsupported SASL method")


@pytest.mark.parametrize(
    ("settings", "said", "advice"),
    [
        ('result = "unavailable"', "connection refused", "first cannot be reached: no login until it can"),
        (
            'result = "bug"',
            "ValueError at ",
            "first gave no verdict: run this command with --debug to see the error",
        ),
        (
            'result = "hang"\ntimeout = 0.2',
            "no verdict within its timeout of 0.2 s",
            "first cannot be reached: no login until it can",
        ),
    ],
)
def test_temporary_failure_has_its_own_status(two: Site, settings: str, said: str, advice: str) -> None:
    two.configure(f'{FIXED}name = "first"\n{settings}\n')
    status, lines, _ = verify(two, "alice@example.com")
    assert status == 75
    assert lines[3].startswith(f"│    {said}")
    assert lines[-1] == advice
    assert "└─ reply to the mail server: ERROR temporary failure" in lines


def test_hanging_call_is_named_with_its_place(two: Site) -> None:
    two.configure(f'[helper]\ndeadline = 0.3\n{FIXED}result = "hang"\n{FILES}')
    status, lines, _ = verify(two, "alice@example.com")
    assert status == 75
    assert re.search(r"it waits at .*fixed_result.py, line \d+, in _result", "\n".join(lines))
    assert "├─ files: not asked" in lines


def test_async_backend_is_asked_and_cancelled(site: Site) -> None:
    site.write("own.py", OWN)
    site.configure('[[backend]]\ntype = "own.py:Waits"\ntimeout = 0.5\n')
    status, lines, done = verify(site, "fast@example.com")
    assert (status, lines[2:4], done.stderr) == (
        1,
        ["├─ Waits: USER_DISABLED in T s", "│    locked since May"],
        b"",
    )
    status, lines, _ = verify(site, "slow@example.com")
    assert (status, lines[3]) == (75, "│    no verdict within its timeout of 0.5 s")


def test_debug_shows_errors_but_no_password(site: Site) -> None:
    site.write("own.py", OWN)
    site.configure('[[backend]]\ntype = "own.py:Leaks"\n')
    status, lines, done = verify(site, "--debug", "alice@example.com")
    assert status == 75
    text = "\n".join(lines)
    assert "ValueError: no such column" in text
    assert "in verify_password" in text
    assert lines[-1] == "Leaks gave no verdict: see the error above"
    assert text.count("the reason is withheld: it may contain the password") == 1
    assert b"a record is withheld" in done.stderr
    assert "no such column" not in verify(site, "alice@example.com")[2].stdout.decode()
    for output in (done.stdout, done.stderr, verify(site, "--debug", "--json", "alice@example.com")[2].stdout):
        assert b"sesame" not in output


def test_json_has_the_whole_way(two: Site) -> None:
    status, _, done = verify(two, "--json", "bob@example.com")
    report = json.loads(done.stdout)
    assert status == report["status"] == 1
    assert [(asked["backend"], asked["verdict"]) for asked in report["asked"]] == [
        ("first", "USER_UNKNOWN"),
        ("files", "PASSWORD_MISMATCH"),
    ]
    assert report["reply"] == NO
    assert report["next"] == "files knows the account, the password is wrong"


@pytest.mark.parametrize(
    ("arguments", "password", "error"),
    [
        ([], b"x\n", "Missing argument 'ACCOUNT'"),
        (["alice@example.com"], b"", "standard input is empty"),
        (["alice@example.com"], b"a\0b\n", "the password contains a NUL or CR"),
        (["--sasl", "PLAIN", "alice@example.com"], b"x\n", "'PLAIN' is not one of CRAM-MD5, APOP."),
        (["-c", "none.toml", "alice@example.com"], b"x\n", "none.toml: No such file or directory"),
    ],
)
def test_misuse_has_its_own_status(two: Site, arguments: list[str], password: bytes, error: str) -> None:
    status, lines, done = verify(two, *arguments, password=password)
    assert (status, lines) == (2, [])
    assert error in done.stderr.decode()


def test_password_is_read_from_the_terminal_without_echo(two: Site) -> None:
    process, terminal = pty.fork()
    if not process:
        os.chdir(two.folder)
        os.execv(EXTAUTH[0], [*EXTAUTH, "verify", "-c", "extauth.toml", "alice@example.com"])  # noqa: S606
    shown = read_until(terminal, b"Password: ")
    os.write(terminal, b"open sesame\n")
    shown += read_until(terminal, b"may log in\r\n")
    assert os.waitpid(process, 0)[1] == 0
    os.close(terminal)
    assert b"sesame" not in shown


def read_until(terminal: int, end: bytes) -> bytes:
    """Read until the output ends like this."""
    shown = b""
    while not shown.endswith(end):
        assert select.select([terminal], [], [], PATIENCE)[0], shown
        shown += os.read(terminal, 4096)
    return shown
