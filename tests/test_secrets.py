"""A password goes every way through extauth, and stays in no place where it does not belong.

The places: replies, the Server Log, the log file, syslog, standard error, command lines, environments, open files,
temporary files and core files. The tables below are the ways.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.log_levels import LEVEL_NAMES
from tests.frontend.test_syslog import OWN_DEV, received
from tests.helper import EXTAUTH, Helper, Site, send_sighup, wait_until
from tests.needs import needs_mounts
from tests.plugins import ScriptedSite, plugin
from tests.plugins.misbehaving_backend import LEAKS

SECRET = "Zq7SESAMx'\\\"\u00fc"
_HEAD = b"Zq7SESAM"
_FORMS = [_HEAD, _HEAD.hex().encode(), base64.b64encode(SECRET.encode())[:10]]

PASSWORDS = [
    SECRET.encode(),
    b"Zq7SESAM with spaces",
    b" Zq7SESAM ",
    b"Zq7SESAM:with:colons",
    b'"Zq7SESAM"',
    b'Zq7SESAM"\\',
    b"%s%(Zq7SESAM)d{Zq7SESAM}",
    b"Zq7SESAM\xff\xfe",
    b"(Zq7SESAM)",
    b"-Zq7SESAM",
    b"Zq7SESAM" * 1000,
    b"Zq7SESAM" * 10_000,  # longer than a line may be
    b"Zq7SESAM@example.com",
    b"Zq7SESAM\tVRFY",
    b"Zq7SESAM\0",
    b"Zq7SESAM\r",
]

LINES = [
    b"1 VRFY user%(user)d@example.com %(value)s",
    b"1 VRFY user%(user)d@example.com %(value)s wrong",
    b"1 VRFY (IMAP) user%(user)d@example.com %(value)s",
    b"1 VRFY user%(user)d %(value)s",
    b'1 VRFY "user%(user)d@example.com" %(value)s',
    b"1 VRFY nobody@example.com %(value)s",
    b"1 VRFY user%(user)d@other.example %(value)s",
    b"1 VRFY @ %(value)s",
    b"1 VRFY user@-bad %(value)s",
    b"1 VRFY \xff@example.com %(value)s",
    b"1 VRFY  %(value)s",
    b"1 SASL(APOP) user%(user)d@example.com %(value)s %(value)s",
    b"1 SASL(CRAM-MD5) user%(user)d@example.com 00 %(value)s",
    b"1 SASL(PLAIN) user%(user)d@example.com %(value)s",
    b"1 SASL user%(user)d@example.com %(value)s",
    b"1 READPLAIN user%(user)d@example.com",
    b"1 READPLAIN user%(user)d@example.com %(value)s",
    b"1 NEW user%(user)d@example.com",
    b"1 INTF %(value)s",
    b"1 QUIT %(value)s",
    b"1 HELO %(value)s",
    b"1 vrfy user%(user)d@example.com %(value)s",
    b" VRFY user%(user)d@example.com %(value)s",
    b"* VRFY user%(user)d@example.com %(value)s",
]
"""Requests in both dialects. `value`: a password, as it is, quoted, or in broken quotes."""

FAILURES = [
    *(f"VRFY {leak}@leaks.example {SECRET}" for leak in LEAKS),
    *(
        f"VRFY alice@scripted.example {action}/{SECRET}"
        for action in ("no", "abort", "read address 0", "exit", "print")
    ),
]
"""Requests at which a backend raises or crashes with the password, or writes it into its log."""

BROKEN_LINES = [
    b"%s",
    b"@bad:%s",
    b"user@-bad:%s",
    b"bare@example.com:%s",
    b"unknown@example.com:{%s}x",
    b"unknown1@example.com:$%s$x",
    b"digest@example.com:{SHA}%s",
]
"""Lines of a password file with mistakes."""


HARNESS = {
    "replay": ["replay", "--log-level", "All Info", "--html", "page.html", "session"],
    "load": ["load", "--log-level", "All Info", "--html", "page.html", "--requests", "20", "--accounts", "accounts"],
}

_CONFIG = """\
default_domain = "example.com"
[helper]
workers = 1
[[backend]]
type = "files"
path = "passwd"
domains = ["example.com"]
readplain = true
[[backend]]
type = "misbehaving_backend.py:MisbehavingBackend"
domains = ["leaks.example"]
[[backend]]
type = "scripted_backend.py:ScriptedBackend"
domains = ["scripted.example"]
folder = "."
timeout = 1
"""


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_no_request_leaves_its_password_anywhere(scripted: ScriptedSite, tmp_path: Path, level: str) -> None:
    helper = _serve(scripted, tmp_path, f'mail_server_level = "{level}"\nlevel = "{level}"\nfile = "log"')
    for dialect in ("classic", "helper"):
        for line in _lines():
            helper.send(line)
        assert helper.ask(f"{dialect} INTF 7".encode()) == b"INTF 7"
    for number, failure in enumerate(FAILURES):
        assert helper.ask(f"f{number} {failure}".encode()).startswith((b"OK", b"ERROR"))
    helper.send(f"hang VRFY alice@scripted.example wait/{SECRET}".encode())
    scripted.wait_for("wait")
    _check_processes(helper)
    assert helper.reply(b"hang") == b"ERROR temporary failure"
    scripted.release()
    scripted.site.write("passwd", _password_file() + b"new@example.com:{PLAIN}new\n")
    send_sighup(helper)
    wait_until(lambda: helper.ask(b"new VRFY new@example.com new") == b"OK", "the reload")
    scripted.site.configure(f'{_CONFIG}[throttle]\nstorage = "redis://:{SECRET[:8]}@host"\n')
    send_sighup(helper)
    if level != "Crashes Only":
        helper.wait_for_information("reload failed")
    assert helper.end() == 0
    assert sum(reply == b"1 OK" for reply in helper.replies) > len(PASSWORDS)
    _check("standard error", helper.errors())
    _check("a reply", b"\n".join(reply for reply in helper.replies if not reply.startswith(b"1 PLAIN ")))
    _check("the Server Log", "\n".join(helper.information))
    _check_files(tmp_path)


@needs_mounts
def test_syslog_gets_no_password(scripted: ScriptedSite, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as syslog:
        syslog.bind(f"{tmp_path}/syslog")
        own_dev = ["unshare", "--mount", "sh", "-c", OWN_DEV, "sh", f"{tmp_path}/dev", f"{tmp_path}/syslog"]
        helper = _serve(scripted, tmp_path, 'level = "All Info"\nsyslog = "mail"', [*own_dev, *EXTAUTH])
        records: list[str] = []
        vrfy_lines = [line for line in _lines() if line.startswith(b"1 VRFY user")]
        for line in [*vrfy_lines[::7], *(f"1 {failure}".encode() for failure in FAILURES)]:
            helper.ask(line)
            records.extend(received(syslog))
        assert helper.end() == 0
        records.extend(received(syslog))
    assert len(records) > len(FAILURES)
    _check("syslog", "\n".join(records))


@pytest.mark.parametrize("arguments", HARNESS.values(), ids=HARNESS)
def test_the_harness_shows_no_password(site: Site, arguments: list[str]) -> None:
    site.write("passwd", _password_file())
    site.configure(_CONFIG.partition('[[backend]]\ntype = "misbehaving')[0])
    shows = re.compile(rb"[\0\r]|SASL\((APOP|CRAM-MD5)\)")  # a session has no NUL and CR, and a challenge is no secret
    lines = b"".join(b"I: " + line + b"\n" for line in _lines() if not shows.search(line))
    site.write("session", b"I: 0 INTF 7\n" + lines)
    site.write("accounts", f"user0@example.com:{SECRET}\nother@example.com:{SECRET}\n")
    program = [*EXTAUTH, "serve", "-c", str(site.config)]
    done = site.run("harness", *arguments, "--", *program)
    assert len(done.stdout + done.stderr) > 1000
    _check("the output", done.stdout + done.stderr)
    _check("the page", (site.folder / "page.html").read_bytes())


def test_check_shows_no_password(site: Site) -> None:
    site.write("passwd", _password_file())
    site.configure(_CONFIG.partition('[[backend]]\ntype = "misbehaving')[0])
    done = site.run("check", "-c", str(site.config))
    assert b"line" in done.stdout
    _check("the output", done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("account", "given"),
    [("new@example.com", PASSWORDS[0]), ("new@example.com", PASSWORDS[-2]), ("@", PASSWORDS[0])],
)
def test_passwd_shows_and_leaves_no_password(site: Site, account: str, given: bytes) -> None:
    done = site.run("passwd", "passwd", account, "--scheme", "SSHA512", input=given + b"\n")
    assert done.stdout + done.stderr
    _check("the output", done.stdout + done.stderr)
    _check_files(site.folder)


def _serve(scripted: ScriptedSite, folder: Path, log: str, program: list[str] | None = None) -> Helper:
    """Start a helper that could write core files into its working directory, if it allowed them."""
    site = scripted.site
    site.write("misbehaving_backend.py", plugin("misbehaving_backend.py"))
    site.write("passwd", _password_file())
    site.configure(f"{_CONFIG}[log]\n{log}\n")
    for name in ("base", "temporary"):
        (folder / name).mkdir()
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    return site.serve(
        program,
        cwd=folder / "base",
        env={**os.environ, "TMPDIR": str(folder / "temporary")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited),
    )


def _lines() -> Iterator[bytes]:
    for user, password in enumerate(PASSWORDS):
        quoted = b'"' + password.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        for value in (password, quoted, b'"' + password, password + b'"', b'\\256"' + password):
            for line in LINES:
                yield line % {b"user": user, b"value": value}


def _password_file() -> bytes:
    usable = {user: each for user, each in enumerate(PASSWORDS) if not re.search(rb"[\0\r\n]", each)}
    accounts = b"".join(b"user%d@example.com:{PLAIN}%s\n" % account for account in usable.items())
    return accounts + b"".join(line % _HEAD + b"\n" for line in BROKEN_LINES)


def _check(place: str, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
    for form in _FORMS:
        assert form.lower() not in data.lower(), f"a password is in {place}: {data[:2000]!r}"


def _check_processes(helper: Helper) -> None:
    """Check the command lines, environments and open files of all processes of a helper."""
    for process in [helper.process.pid, *helper.descendants()]:
        folder = Path(f"/proc/{process}")
        with contextlib.suppress(OSError):  # it may have ended
            for name in ("cmdline", "environ", "comm"):
                _check(f"{name} of a process", (folder / name).read_bytes())
            for entry in (folder / "fd").iterdir():
                if stat.S_ISREG(entry.stat().st_mode):
                    _check(f"the open file {entry.readlink()}", entry.read_bytes())


def _check_files(folder: Path) -> None:
    """Check that all files below `folder` that extauth may have written hold no password, and that none is a core."""
    for path in folder.rglob("*"):
        assert not path.name.startswith("core")
        if path.is_file() and path.name not in ("passwd", "extauth.toml"):
            _check(f"the file {path}", path.read_bytes())
