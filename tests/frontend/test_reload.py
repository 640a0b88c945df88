"""Password files that change while the helper serves them: noticed, read beside, swapped whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extauth.trust import signature
from extauth.workers.file_watch import FileWatch
from tests.helper import Helper, Site, wait_for_serving, wait_until

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"

OLD = b"1 VRFY alice@example.com old"
NEW = b"1 VRFY alice@example.com new"
BOB = b"1 VRFY bob@example.com password"


def passwords(alice: str) -> str:
    """A password file in which bob's password stays as it is."""
    return f"alice@example.com:{{PLAIN}}{alice}\nbob@example.com:{{PLAIN}}password\n"


@pytest.fixture
def old(site: Site) -> Helper:
    """A helper that serves alice's old password."""
    site.write("passwd", passwords("old"))
    site.configure()
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    return helper


def side_by_side(
    site: Site, count: int, name: str = "passwd", configuration: str = Site.BASIC
) -> list[tuple[Site, Helper]]:
    """Helpers that each serve alice's old password from a folder of their own, so that one wait is enough for all."""
    served = []
    for number in range(count):
        one = Site(site.folder / str(number))
        one.folder.mkdir()
        one.write(name, passwords("old"))
        one.configure(configuration)
        served.append((one, one.serve()))
    site.helpers += [helper for _, helper in served]
    return served


# --- noticed ------------------------------------------------------------------------------------------


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
def test_a_change_that_keeps_size_and_mtime_is_noticed(site: Site, old: Helper, change: Callable[[Path], None]) -> None:
    path = site.folder / "passwd"
    before = path.stat()
    change(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    old.wait_for_information(f"changed: {path}; reloading")
    wait_for_serving(old, 2)
    assert old.ask(OLD) == NEGATIVE
    assert old.ask(NEW) == b"OK"


def test_what_changes_while_it_is_read_is_read_again(site: Site) -> None:
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


def test_a_file_that_stays_as_it_is_is_not_read_again(site: Site, old: Helper) -> None:
    site.write("other", "")
    site.write("passwd", passwords("new"))
    wait_for_serving(old, 2)
    (site.folder / "passwd").read_text()
    assert old.end() == 0
    assert sum("reloading" in line for line in old.information) == 1


# --- swapped ------------------------------------------------------------------------------------------


class Gate:
    """A backend that knows nobody and waits while it loads: a reload takes as long as the test likes.

    It stands behind the files, and is loaded after them.
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
        """Wait until the files before it are loaded."""
        wait_until(lambda: self._is_passed(self._reached), "the gate")

    def open(self) -> None:
        """Let it load, once it has been reached."""
        wait_until(lambda: self._is_passed(self._opened), "the gate")

    @staticmethod
    def _is_passed(fifo: Path) -> bool:
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody waits for it yet
            return False
        return True


def test_requests_are_answered_from_the_old_file_while_a_large_new_one_is_read(site: Site) -> None:
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


def test_once_a_reply_has_shown_the_new_file_no_later_request_sees_the_old(site: Site) -> None:
    site.write("passwd", passwords("old"))
    site.configure(Site.BASIC + "[helper]\nworkers = 2\n")
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    for generation in range(3):
        before, after = f"old{generation}" if generation else "old", f"old{generation + 1}"
        site.write("passwd", passwords(after))
        _ask_until_it_is_seen(helper, before.encode(), after.encode())


def _ask_until_it_is_seen(helper: Helper, before: bytes, after: bytes) -> None:
    """Keep many requests for both passwords under way; what is sent after a first sight of the new one sees it too."""
    sent, seen_at = 0, None
    while seen_at is None or sent < seen_at + 1000:
        for password in (before, after):
            helper.send(b"%d VRFY alice@example.com %s" % (sent, password))
            sent += 1
        helper.wait_for_replies(sent - 64)
        if seen_at is None and any(b"OK" in reply and _asks_new(reply) for reply in helper.replies[-128:]):
            seen_at = sent
    for reply in helper.wait_for_replies(sent):
        if int(reply.split(b" ")[0]) >= seen_at:
            assert reply.endswith(b" OK" if _asks_new(reply) else NEGATIVE)
    helper.replies.clear()


def _asks_new(reply: bytes) -> bool:
    return int(reply.split(b" ")[0]) % 2 == 1


# --- half-written, unparsable, unsafe -----------------------------------------------------------------


class Watched:
    """A FileWatch with a clock that the test winds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
        self._now = 0.0
        monkeypatch.setattr("extauth.workers.file_watch.time.monotonic", lambda: self._now)
        self._watch = FileWatch()
        self._watch.start({path: signature(path) for path in paths})

    def after(self, seconds: float) -> list[Path]:
        """What has changed, so much later."""
        self._now += seconds
        return self._watch.changed()


def test_a_file_that_is_written_in_place_is_read_when_it_has_been_still_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passwd"
    path.write_text("alice@exam")
    watched = Watched(monkeypatch, path)
    for piece in ("ple.com:{PL", "AIN}o", "ld"):
        with path.open("a") as file:
            file.write(piece)
        assert watched.after(0.3) == []
        assert watched.after(0.9) == []
    assert watched.after(0.3) == [path]


def test_a_file_that_is_put_in_the_place_of_another_is_read_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passwd"
    path.write_text("old")
    watched = Watched(monkeypatch, path)
    _replace(path, "new")
    assert watched.after(0.3) == []
    assert watched.after(0.3) == [path]


def test_a_file_that_never_rests_is_read_at_last_and_sooner_where_it_is_always_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for put, seconds in ((_replace, 10), (Path.write_text, 60)):
        path = tmp_path / "passwd"
        path.write_text("0")
        watched = Watched(monkeypatch, path)
        for number in range(4 * seconds):
            put(path, "x" * (number + 2))
            assert watched.after(1 / 4) == []
        put(path, "y")
        assert watched.after(1 / 4) == [path]


def test_nothing_is_read_while_one_of_the_files_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, replaced = tmp_path / "written", tmp_path / "replaced"
    written.write_text("")
    replaced.write_text("")
    watched = Watched(monkeypatch, written, replaced)
    _replace(replaced, "new")
    for _ in range(10):
        with written.open("a") as file:
            file.write("piece")
        assert watched.after(0.3) == []  # all files are read at once, this one half-written
    watched.after(0.9)
    assert watched.after(0.3) == [written, replaced]


def _replace(path: Path, content: str) -> None:
    new = path.with_name("new")
    new.write_text(content)
    new.replace(path)


def test_an_account_that_is_in_both_versions_never_fails_while_the_file_is_written(site: Site) -> None:
    site.write("passwd", passwords("old"))
    site.write("others", "")
    site.configure(Site.BASIC + '[[backend]]\ntype = "files"\npath = "others"\n')
    helper = site.serve()
    assert helper.ask(OLD) == b"OK"
    until = time.monotonic() + 1.5
    with (site.folder / "passwd").open("wb", buffering=0) as file:
        site.write("others", "carol@example.com:{PLAIN}x\n")
        while time.monotonic() < until:  # always within the second of silence after which it may be read
            file.write(b"# half-written\n")
            assert helper.ask(BOB) == b"OK"
        file.write(passwords("new").encode())
    wait_for_serving(helper, 2)
    assert helper.ask(NEW) == b"OK"
    assert helper.ask(BOB) == b"OK"
    assert helper.ask(b"1 VRFY carol@example.com x") == b"OK"


def test_a_new_version_with_bad_lines_disables_their_accounts_only(site: Site, old: Helper) -> None:
    site.write("passwd", b"\xff\xfe\0\nalice@example.com\n\x00:\n" + passwords("old").encode().splitlines()[1])
    old.wait_for_information("passwd, line 2: has no colon")
    wait_for_serving(old, 2)
    assert old.ask(OLD) == NEGATIVE
    assert old.ask(BOB) == b"OK"


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


def test_a_new_version_that_is_refused_is_reported_and_the_old_table_stays_until_a_good_one_comes(site: Site) -> None:
    makers = [_make_unsafe, _make_folder, _make_fifo, _make_huge, _make_device]
    served = side_by_side(site, len(makers))
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


# --- removed ------------------------------------------------------------------------------------------


def _remove(path: Path) -> None:
    path.rename(path.with_name("away"))


def _bring_back(path: Path) -> None:
    path.with_name("away").rename(path)


def _dangle(path: Path) -> None:
    _remove(path)
    path.symlink_to("nowhere")


def _remove_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("gone"))


def _bring_folder_back(path: Path) -> None:
    path.parent.with_name("gone").rename(path.parent)


@pytest.mark.parametrize(
    ("path", "domains"),
    [("files/passwd", ""), ("files/{domain}", ""), ("files/{domain}", 'domains = ["example.com"]\n')],
)
def test_a_file_that_is_out_of_reach_makes_its_accounts_temporary_until_it_is_back(
    site: Site, path: str, domains: str
) -> None:
    ways = [(_remove, _bring_back), (_dangle, _bring_back), (_remove_folder, _bring_folder_back)]
    name = path.format(domain="example.com")
    served = side_by_side(site, len(ways), name, f'[[backend]]\ntype = "files"\npath = "{path}"\n{domains}')
    for (remove, _), (one, helper) in zip(ways, served, strict=True):
        assert helper.ask(OLD) == b"OK"
        remove(one.folder / name)
    for (_, bring_back), (one, helper) in zip(ways, served, strict=True):
        wait_for_serving(helper, 2)
        assert helper.ask(OLD) == TEMPORARY
        assert helper.ask(b"1 VRFY nobody@example.com x") == TEMPORARY
        helper.wait_for_information("No such file")
        bring_back(one.folder / name)
    for _, helper in served:
        wait_for_serving(helper, 3)
        assert helper.ask(OLD) == b"OK"
        assert helper.ask(b"1 VRFY nobody@example.com x") == NEGATIVE


def test_a_domain_that_has_lost_its_file_does_not_disturb_the_others(site: Site) -> None:
    site.write("files/one.example", "alice:{PLAIN}one\n")
    site.write("files/two.example", "alice:{PLAIN}two\n")
    site.configure('[[backend]]\ntype = "files"\npath = "files/{domain}"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"
    (site.folder / "files/one.example").unlink()
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == TEMPORARY
    assert helper.ask(b"1 VRFY alice@two.example two") == b"OK"
    assert helper.ask(b"1 VRFY alice@three.example x") == NEGATIVE


@pytest.mark.parametrize("domains", ["", 'domains = ["one.example"]\n'])
def test_a_domain_knows_nobody_until_its_file_appears(site: Site, domains: str) -> None:
    (site.folder / "files").mkdir()
    site.configure(f'[[backend]]\ntype = "files"\npath = "files/{{domain}}"\n{domains}')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    site.write("files/one.example", "alice:{PLAIN}one\n")
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"


def test_a_domain_whose_folder_appears_before_its_file_is_watched(site: Site) -> None:
    (site.folder / "files").mkdir()
    site.configure('[[backend]]\ntype = "files"\npath = "files/{domain}/passwd"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    (site.folder / "files/one.example").mkdir()
    wait_for_serving(helper, 2)
    assert helper.ask(b"1 VRFY alice@one.example one") == NEGATIVE
    site.write("files/one.example/passwd", "alice:{PLAIN}one\n")
    wait_for_serving(helper, 3)
    assert helper.ask(b"1 VRFY alice@one.example one") == b"OK"
