"""Password files that change while the helper serves them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.frontend.reload import BOB, NEGATIVE, NEW, OLD, passwords, serve_old_password_in_folders
from tests.helper import Helper, Site, wait_for_serving, wait_until


@pytest.fixture
def old_helper(site: Site) -> Helper:
    """A running helper with alice's old password."""
    site.write("passwd", passwords("old"))
    site.configure()
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    return helper


def _by_rename(path: Path) -> None:
    before = path.stat()
    new = path.with_name("new")
    new.write_text(passwords("new"))
    new.chmod(0o600)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)


def _in_place(path: Path) -> None:
    before = path.stat()
    path.write_text(passwords("new"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _by_link(path: Path) -> None:
    _by_rename(path)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [_by_rename, _in_place, _by_link])
def test_change_with_same_size_and_mtime_is_noticed(
    site: Site, old_helper: Helper, change: Callable[[Path], None]
) -> None:
    path = site.folder / "passwd"
    before = path.stat()
    change(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    old_helper.wait_for_information(f"changed: {path}; reloading")
    wait_for_serving(old_helper, 2)
    assert old_helper.ask(OLD) == NEGATIVE
    assert old_helper.ask(NEW) == b"OK"


class Gate:
    """A backend without accounts that waits while it loads. It loads after the files.

    So the test decides how long a reload takes.
    """

    SOURCE = """\
from pathlib import Path

import extauth

class GateSettings(extauth.Settings):
    reached: Path
    opened: Path

class Gate(extauth.Backend):
    Settings = GateSettings

    def load(self):
        self.settings.reached.read_bytes()
        self.settings.opened.read_bytes()

    def verify_password(self, account, password):
        return extauth.Verdict.USER_UNKNOWN
"""

    def __init__(self, site: Site) -> None:
        self._reached, self._opened = site.folder / "reached", site.folder / "opened"
        os.mkfifo(self._reached)
        os.mkfifo(self._opened)
        site.write("gate.py", self.SOURCE)
        site.configure(Site.BASIC + '[[backend]]\ntype = "gate.py:Gate"\nreached = "reached"\nopened = "opened"\n')

    def reach(self) -> None:
        """Wait until the files are loaded."""
        wait_until(lambda: self._is_passed(self._reached), "the gate")

    def open(self) -> None:
        """Let it go on loading, after `reach`."""
        wait_until(lambda: self._is_passed(self._opened), "the gate")

    @staticmethod
    def _is_passed(fifo: Path) -> bool:
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # no reader yet
            return False
        return True


def test_file_that_changes_during_a_reload_is_read_again(site: Site) -> None:
    gate = Gate(site)
    site.write("passwd", passwords("old"))
    helper = site.serve()
    gate.reach()
    gate.open()
    assert helper.ask(OLD) == b"OK"
    site.write("passwd", passwords("middle"))
    helper.wait_for_information("reloading")
    gate.reach()
    site.write("passwd", passwords("new"))
    gate.open()
    wait_for_serving(helper, 2)
    gate.reach()
    gate.open()
    wait_for_serving(helper, 3)
    assert helper.ask(NEW) == b"OK"


def test_unchanged_file_is_not_read_again(site: Site, old_helper: Helper) -> None:
    site.write("other", "")
    site.write("passwd", passwords("new"))
    wait_for_serving(old_helper, 2)
    (site.folder / "passwd").read_text()
    assert old_helper.end() == 0
    assert sum("reloading" in line for line in old_helper.information) == 1


def test_old_file_answers_while_a_large_new_one_loads(site: Site) -> None:
    gate = Gate(site)
    many = "".join(f"user{number}@example.com:{{PLAIN}}x\n" for number in range(30_000))
    site.write("passwd", passwords("old") + many)
    helper = site.serve()
    gate.reach()
    gate.open()
    assert helper.ask(OLD) == b"OK"
    site.write("passwd", passwords("new") + many)
    helper.wait_for_information("reloading")
    for _ in range(100):
        assert helper.ask(OLD) == b"OK"
    gate.reach()
    assert helper.ask(OLD) == b"OK"
    assert sum("serving with" in line for line in helper.information) == 1
    gate.open()
    wait_for_serving(helper, 2)
    assert helper.ask(NEW) == b"OK"
    assert helper.ask(b"1 VRFY user29999@example.com x") == b"OK"


def test_no_request_sees_the_old_file_after_the_new_one(site: Site) -> None:
    site.write("passwd", passwords("old"))
    site.configure(Site.BASIC + "[helper]\nworkers = 2\n")
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    for generation in range(3):
        before, after = f"old{generation}" if generation else "old", f"old{generation + 1}"
        site.write("passwd", passwords(after))
        _ask_until_new_password_works(helper, before.encode(), after.encode())


def _ask_until_new_password_works(helper: Helper, before: bytes, after: bytes) -> None:
    """Send requests with both passwords. Check that after the first OK for the new one, the old one is always wrong."""
    sent, works_since = 0, None
    while works_since is None or sent < works_since + 1000:
        for password in (before, after):
            helper.send(b"%d VRFY alice@example.com %s" % (sent, password))
            sent += 1
        helper.wait_for_replies(sent - 64)
        if works_since is None and any(b"OK" in reply and _asks_new(reply) for reply in helper.replies[-128:]):
            works_since = sent
    for reply in helper.wait_for_replies(sent):
        if int(reply.split(b" ")[0]) >= works_since:
            assert reply.endswith(b" OK" if _asks_new(reply) else NEGATIVE)
    helper.replies.clear()


def _asks_new(reply: bytes) -> bool:
    return int(reply.split(b" ")[0]) % 2 == 1


def test_unchanged_account_never_fails_during_a_slow_write(site: Site) -> None:
    site.write("passwd", passwords("old"))
    site.write("others", "")
    site.configure(Site.BASIC + '[[backend]]\ntype = "files"\npath = "others"\n')
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    until = time.monotonic() + 1.5
    with (site.folder / "passwd").open("wb", buffering=0) as file:
        site.write("others", "carol@example.com:{PLAIN}x\n")
        while time.monotonic() < until:  # it must be unchanged for one second before it is read
            file.write(b"# half-written\n")
            assert helper.ask(BOB) == b"OK"
        file.write(passwords("new").encode())
    wait_for_serving(helper, 2)
    assert helper.ask(NEW) == b"OK"
    assert helper.ask(BOB) == b"OK"
    assert helper.ask(b"1 VRFY carol@example.com x") == b"OK"


def test_bad_lines_disable_only_their_accounts(site: Site, old_helper: Helper) -> None:
    site.write("passwd", b"\xff\xfe\0\nalice@example.com\n\x00:\n" + passwords("old").encode().splitlines(True)[1])
    old_helper.wait_for_information("passwd, line 2: has no colon")
    wait_for_serving(old_helper, 2)
    assert old_helper.ask(OLD) == NEGATIVE
    assert old_helper.ask(BOB) == b"OK"


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _make_huge(path: Path) -> None:
    path.unlink()
    path.touch(0o600)
    os.truncate(path, 2**31)


def _make_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _make_unsafe(path: Path) -> None:
    path.write_text(passwords("new"))
    path.chmod(0o606)


def test_refused_file_is_reported_and_the_old_one_stays(site: Site) -> None:
    makers = [_make_unsafe, _make_folder, _make_fifo, _make_huge, _make_device]
    served = serve_old_password_in_folders(site, len(makers))
    for make, (one, helper) in zip(makers, served, strict=True):
        assert helper.ask(OLD) == b"OK"
        make(one.folder / "passwd")
    for make, (one, helper) in zip(makers, served, strict=True):
        path = one.folder / "passwd"
        helper.wait_for_information(f"reload failed, keeping the previous configuration: .*{path}")
        assert helper.ask(OLD) == b"OK"
        if make is _make_folder:
            path.rmdir()
        one.write("passwd", passwords("new"))
    for _, helper in served:
        wait_for_serving(helper, 2)
        assert helper.ask(NEW) == b"OK"
        assert sum("reload failed" in line for line in helper.information) == 1


def test_changed_file_is_noticed_after_a_failed_reload(site: Site) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}old\n")
    site.configure()
    helper = site.serve()
    helper.wait_for_information("serving")
    site.configure(Site.BASIC + '[[backend]]\ntype = "files"\npath = "nowhere"\n')
    helper.process.send_signal(signal.SIGHUP)
    helper.wait_for_information("reload failed, keeping the previous configuration: .*nowhere")
    site.write("passwd", "alice@example.com:!\n")
    helper.wait_for_information("changed: .*passwd")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice old") == NEGATIVE
    assert helper.end() == 0
