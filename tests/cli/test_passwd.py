"""`extauth passwd`: add, change and delete accounts in a password file, also while a helper uses it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.helper import EXTAUTH, PATIENCE, Site, wait_for_serving

NEGATIVE = b"ERROR incorrect password"

OTHERS = b"""\
\xef\xbb\xbf# comment of alice@example.com:{PLAIN}old
\xff\xfe:not UTF-8
no colon, and a blank at the end\x20
carol@example.com:{PLAIN} kept \r
\x0c
malformed@-example.com:x
"""


def passwd(site: Site, *arguments: str, password: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `extauth passwd` on the site's password file."""
    return site.run("passwd", str(site.folder / "passwd"), *arguments, input=password)


def test_an_account_is_added_changed_and_deleted(site: Site) -> None:
    site.configure()
    for password in (b"first", b"second"):
        done = passwd(site, "alice@example.com", "--scheme", "SSHA", password=password + b"\n")
        assert done.returncode == 0
        assert done.stdout == b"alice@example.com is " + (b"added\n" if password == b"first" else b"changed\n")
        assert site.session(b"1 VRFY alice first", b"2 VRFY alice second") == [
            b"1 " + (b"OK" if password == b"first" else NEGATIVE),
            b"2 " + (b"OK" if password == b"second" else NEGATIVE),
        ]
    assert passwd(site, "alice@example.com", "--delete").stdout == b"alice@example.com is deleted\n"
    assert (site.folder / "passwd").read_bytes() == b""


def test_deleting_an_unknown_account_fails_and_creates_no_file(site: Site) -> None:
    done = passwd(site, "alice@example.com", "--delete")
    assert done.returncode == 1
    assert done.stderr == b"Error: %s: has no alice@example.com\n" % os.fsencode(site.folder / "passwd")
    assert list(site.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "password"),
    [
        (b"open sesame\n", b"open sesame"),
        (b"open sesame", b"open sesame"),
        (b"open sesame\r\nmore\n", b"open sesame"),
        (b" x:y \n", b" x:y "),
        (b"\xff\xfe\n", b"\xff\xfe"),
        (b"!locked\n", b"!locked"),
        (b"{SSHA}\n", b"{SSHA}"),
        (b'"quoted"\n', b'"quoted"'),
    ],
)
def test_the_first_line_of_standard_input_is_the_password(site: Site, given: bytes, password: bytes) -> None:
    assert passwd(site, "alice@example.com", "--scheme", "plain", password=given).returncode == 0
    assert (site.folder / "passwd").read_bytes() == b"alice@example.com:{PLAIN}" + password + b"\n"


@pytest.mark.parametrize("scheme", ["ARGON2ID", "YESCRYPT", "SSHA512"])
def test_the_helper_accepts_a_new_password(site: Site, scheme: str) -> None:
    assert passwd(site, "alice@example.com", "--scheme", scheme, password=b"open sesame\n").returncode == 0
    assert b"sesame" not in (site.folder / "passwd").read_bytes()
    site.configure()
    assert site.session(b"1 VRFY alice open sesame", b"2 VRFY alice open") == [b"1 OK", b"2 " + NEGATIVE]


def test_the_default_scheme_is_argon2id(site: Site) -> None:
    passwd(site, "alice@example.com", password=b"x\n")
    assert (site.folder / "passwd").read_bytes().startswith(b"alice@example.com:$argon2id$")


@pytest.mark.parametrize(
    ("arguments", "given", "error"),
    [
        (["alice@example.com"], b"", "the password is empty"),
        (["alice@example.com"], b"\nsecond line\n", "the password is empty"),
        (["alice@example.com"], b"SESAM\0\n", "the password contains a NUL"),
        (["alice@example.com"], b"SESAM\rx\n", "no NUL, LF or CR"),
        (["alice@example.com", "--scheme", "BLF-CRYPT"], b"SESAM" * 15, "BLF-CRYPT takes passwords of up to 72 bytes"),
        (["alice@example.com", "--scheme", "MD5"], b"SESAM", "(?i)argon2id.*blf-crypt.*ssha512.*plain"),
        (["alice@example.com", "extra"], b"SESAM", "unexpected extra argument"),
        (["alice@"], b"SESAM", "'alice@' is not an account: use name@domain"),
        (["@example.com"], b"SESAM", "'@example.com' is not an account"),
        ([""], b"SESAM", "'' is not an account"),
        (["alice@-example.com"], b"SESAM", "'alice@-example.com' is not an account"),
        (["al:ice@example.com"], b"SESAM", "'al:ice@example.com' is not an account"),
        (["al:ice"], b"SESAM", "'al:ice' is not an account"),
        (["al\nice@example.com"], b"SESAM", "is not an account"),
        (["al\nice"], b"SESAM", "is not an account"),
        (["#alice@example.com"], b"SESAM", "'#alice@example.com' is not an account"),
        (["#alice"], b"SESAM", "'#alice' is not an account"),
        (["\udcffalice@example.com"], b"SESAM", "is not an account"),
    ],
)
def test_a_wrong_account_or_password_changes_no_file(
    site: Site, arguments: list[str], given: bytes, error: str
) -> None:
    path = site.write("passwd", OTHERS)
    before = path.stat()
    done = passwd(site, *arguments, password=given)
    assert done.returncode in (1, 2)
    assert re.search(error, done.stderr.decode(), re.DOTALL)
    assert b"Traceback" not in done.stderr
    assert b"SESAM" not in done.stderr
    assert (path.read_bytes(), path.stat().st_ino) == (OTHERS, before.st_ino)


@pytest.mark.parametrize(
    "line", ["", "alice@example.com:{PLAIN}old\n", "Alice@EXAMPLE.com.:x:y\r\n", "alice@example.com:\n"]
)
def test_all_other_lines_stay_byte_for_byte(site: Site, line: str) -> None:
    path = site.write("passwd", OTHERS + line.encode() + b"no end")
    assert passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"new\n").returncode == 0
    new = b"alice@example.com:{PLAIN}new\n"
    assert path.read_bytes() == (OTHERS + new + b"no end" if line else OTHERS + b"no end\n" + new)
    assert passwd(site, "alice@example.com", "--delete").returncode == 0
    assert path.read_bytes() == OTHERS + (b"no end" if line else b"no end\n")


def test_a_line_after_a_byte_order_mark_is_changed(site: Site) -> None:
    site.write("passwd", b"\xef\xbb\xbfalice@example.com:{PLAIN}old\r\nbob@example.com:{PLAIN}x\r\n")
    assert passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"new").stdout.endswith(b"changed\n")
    site.configure()
    assert site.session(b"1 VRFY alice new", b"2 VRFY bob x") == [b"1 OK", b"2 OK"]


def test_a_lone_carriage_return_does_not_end_a_line(site: Site) -> None:
    comment = b"# a comment of a Mac\ralice@example.com:{PLAIN}old\n"
    path = site.write("passwd", comment)
    assert passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"new").stdout.endswith(b"added\n")
    assert path.read_bytes() == comment + b"alice@example.com:{PLAIN}new\n"


def test_several_lines_of_an_account_become_one(site: Site) -> None:
    path = site.write("passwd", "alice@example.com:1\nbob:x\nAlice@example.com:2\nalice:{PLAIN}bare\n")
    assert passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"new").stdout.endswith(b"changed\n")
    assert path.read_text() == "alice@example.com:{PLAIN}new\nbob:x\nalice:{PLAIN}bare\n"


def test_a_name_without_domain_is_a_separate_account(site: Site) -> None:
    path = site.write("passwd", "alice@example.com:1\n")
    assert passwd(site, "Alice", "--scheme", "PLAIN", password=b"bare").stdout == b"Alice is added\n"
    assert path.read_text() == "alice@example.com:1\nalice:{PLAIN}bare\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_mode_and_owner_stay(site: Site, mode: int) -> None:
    path = site.write("passwd", "", mode)
    owner = (12345, 23456) if os.geteuid() == 0 else (os.geteuid(), [os.getegid(), *os.getgroups()][-1])
    os.chown(path, *owner)
    assert passwd(site, "alice@example.com", "--scheme", "SSHA", password=b"x").returncode == 0
    status = path.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (mode, *owner)


def test_a_new_file_is_private(site: Site) -> None:
    passwd(site, "alice@example.com", "--scheme", "SSHA", password=b"x")
    assert (site.folder / "passwd").stat().st_mode & 0o777 == 0o600


def test_a_link_stays_and_its_target_is_replaced(site: Site) -> None:
    target = site.write("real/passwd", "")
    (site.folder / "passwd").symlink_to("real/passwd")
    assert passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"x").returncode == 0
    assert (site.folder / "passwd").is_symlink()
    assert target.read_text() == "alice@example.com:{PLAIN}x\n"


@pytest.mark.parametrize("file", ["none/passwd", ".", "passwd/passwd"])
def test_a_file_that_cannot_be_written_is_named(site: Site, file: str) -> None:
    site.write("passwd", "")
    done = site.run("passwd", str(site.folder / file), "alice@example.com", "--scheme", "SSHA", input=b"SESAM\n")
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: " + os.fsencode(site.folder))
    assert b"SESAM" not in done.stderr


def test_a_full_disk_leaves_the_file_unchanged(site: Site) -> None:
    path = site.write("passwd", Site.ACCOUNTS)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *EXTAUTH, "passwd", str(path), "carol", "--scheme", "SSHA"],
        input=b"x\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"passwd" in done.stderr
    assert b"Traceback" not in done.stderr
    assert path.read_text() == Site.ACCOUNTS
    assert list(site.folder.iterdir()) == [path]


def test_concurrent_commands_lose_no_account(site: Site) -> None:
    names = [f"user{number}@example.com" for number in range(8)]
    command = [*EXTAUTH, "passwd", str(site.folder / "passwd")]
    running = [
        subprocess.Popen([*command, name, "--scheme", "SSHA"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for name in names
    ]
    for process in running:
        process.communicate(b"open sesame\n", PATIENCE)
        assert process.returncode == 0
    site.configure()
    assert site.session(*(b"%d VRFY user%d open sesame" % (n, n) for n in range(8))) == [b"%d OK" % n for n in range(8)]


def test_a_running_helper_reads_the_changed_file(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice new") == NEGATIVE
    passwd(site, "alice@example.com", "--scheme", "PLAIN", password=b"new\n")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice new") == b"OK"
    assert helper.ask(b"1 VRFY bob password") == b"OK"


# --- the prompt ---------------------------------------------------------------------------------------


def at_a_terminal(*command: str, typed: list[bytes]) -> tuple[int, bytes]:
    """Run a command at a terminal and type a line at each prompt. Return its exit status and the screen text."""
    process, terminal = pty.fork()
    if not process:
        os.execv(command[0], command)  # noqa: S606  # the command needs no shell
    seen, lines, until = b"", iter(typed), time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):  # EIO: the command has ended
        while select.select([terminal], [], [], until - time.monotonic())[0] and (data := os.read(terminal, 4096)):
            seen += data
            if data.endswith(b": "):
                os.write(terminal, next(lines) + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen


def test_the_prompt_asks_twice_and_shows_nothing(site: Site) -> None:
    file = site.folder / "passwd"
    typed = ["open sésame".encode()] * 2
    status, seen = at_a_terminal(*EXTAUTH, "passwd", str(file), "alice@example.com", "--scheme", "PLAIN", typed=typed)
    assert status == 0
    assert seen.count(b": ") == 2
    assert b"same" not in seen
    assert file.read_text() == "alice@example.com:{PLAIN}open sésame\n"


def test_the_prompt_asks_again_if_the_passwords_differ(site: Site) -> None:
    file = site.folder / "passwd"
    typed = [b"one", b"two", b"three", b"three"]
    status, _ = at_a_terminal(*EXTAUTH, "passwd", str(file), "alice@example.com", "--scheme", "PLAIN", typed=typed)
    assert status == 0
    assert file.read_text() == "alice@example.com:{PLAIN}three\n"


def test_a_prompt_without_a_password_stores_nothing(site: Site) -> None:
    status, seen = at_a_terminal(*EXTAUTH, "passwd", str(site.folder / "passwd"), "alice@example.com", typed=[b"\x04"])
    assert status == 1
    assert b"Traceback" not in seen
    assert list(site.folder.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        b"alice@example.com:{PLAIN}old:::::::allow_nets=127.0.0.1",
        b"alice@example.com:{PLAIN}old:1000:1000::/home/alice:/bin/sh",
        b"alice:$6$x$y:19000:0:99999:7:::",
    ],
)
def test_a_file_of_another_format_is_not_changed(site: Site, line: bytes) -> None:
    path = site.write("passwd", b"# a comment\n" + line + b"\n")
    for account in ("alice@example.com", "bob@example.com"):
        done = passwd(site, account, password=b"new")
        assert done.returncode == 1
        assert b"passwd, line 2: has " in done.stderr
    assert path.read_bytes() == b"# a comment\n" + line + b"\n"
