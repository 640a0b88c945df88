"""Async backends: their own event loop, cancelling, blocked loops, and what their bugs do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.helper import Site, wait_until
from tests.plugins import ScriptedSite, plugin, scripted_site

TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"


@pytest.fixture
def scripted(site: Site) -> Iterator[ScriptedSite]:
    with scripted_site(site) as scripted:
        os.mkfifo(site.folder / "hang")
        site.write("scripted_backend.py", plugin("scripted_async.py"))
        yield scripted


def _configure_with_timeout(scripted: ScriptedSite, settings: str = "workers = 1\ndeadline = 60") -> None:
    scripted.configure(settings=settings)
    text = scripted.site.config.read_text()
    scripted.site.configure(text.replace('name = "scripted"', 'name = "scripted"\ntimeout = 0.2'))


def test_concurrent_checks_get_their_own_verdicts(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    actions = [b"yes", b"no", b"yes", b"no", b"raise"]
    helper.send(*(b"%d VRFY a%d@example.com %s/%d" % (n, n, actions[n % 5], n) for n in range(200)))
    replies = [b"OK", NEGATIVE, b"OK", NEGATIVE, TEMPORARY]
    assert sorted(helper.wait_for_replies(200)) == sorted(b"%d %s" % (n, replies[n % 5]) for n in range(200))


def test_tasks_under_way_are_limited(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    helper.log_in(*(f"{name}{n}@example.com" for name in "wx" for n in range(3)), password="yes")
    helper.send(*(b"w%d VRFY w%d@example.com wait" % (n, n) for n in range(3)))
    scripted.wait_for("wait begins", 3)
    for number in range(20):
        assert helper.ask(b"%d VRFY a%d@example.com yes" % (number, number)) == b"OK"
    helper.send(*(b"x%d VRFY x%d@example.com wait" % (n, n) for n in range(3)))
    scripted.wait_for("wait begins", 4)
    assert helper.ask(b"b VRFY bob@example.org password") == b"OK"
    assert len(scripted.processes("wait begins")) == 4
    scripted.release(6)
    assert all(line.endswith(b" OK") for line in helper.wait_for_replies(6))


def test_other_commands_await_their_methods(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    assert helper.ask(b"0 INTF 9").startswith(b"INTF")
    assert helper.ask(b"1 NEW alice@example.com") == b"FAILURE account not created"
    # printf '<1@example.com>open sesame' | openssl dgst -md5
    apop = b"f8f7a1bb5f0c204cc1f7fead5fe1ee6b <1@example.com>"
    assert helper.ask(b"2 SASL(APOP) alice@example.com " + apop) == b"OK"
    assert helper.end() == 0
    assert scripted.processes("close")


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("raise", "ValueError at .*scripted_backend.py, line [0-9]+, in _do"),
        ("exit", "SystemExit at .*scripted_backend.py"),
        ("cancel", "CancelledError at .*scripted_backend.py"),
        ("unavailable", "connection refused"),
        ("temporary failure", "result 42"),
        ("return true", "verify_password returned bool"),
        ("return nothing", "verify_password returned NoneType"),
        ("return a coroutine", "verify_password returned coroutine"),
    ],
)
def test_bugs_are_temporary_failures(scripted: ScriptedSite, action: str, error: str) -> None:
    helper = scripted.serve()
    assert helper.ask(f"1 VRFY alice@example.com {action}".encode()) == TEMPORARY
    helper.wait_for_information(f"account=alice@.*({error})")
    assert helper.ask(b"2 VRFY alice@example.com yes") == b"OK"


def test_deadline_cancels_tasks(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 1")
    helper.log_in(*(f"a{n}@example.com" for n in range(6)), password="yes")
    helper.send(*(b"%d VRFY a%d@example.com wait for ever" % (n, n) for n in range(6)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(6)} == {TEMPORARY}
    scripted.wait_for("wait for ever ends", 4)
    helper.replies.clear()
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"


def test_timeout_of_the_backend_cancels_tasks(scripted: ScriptedSite) -> None:
    _configure_with_timeout(scripted)
    helper = scripted.site.serve()
    helper.log_in(*(f"a{n}@example.com" for n in range(4)), password="yes")
    helper.send(*(b"%d VRFY a%d@example.com wait for ever" % (n, n) for n in range(4)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    scripted.wait_for("wait for ever ends", 4)
    assert helper.ask(b"y VRFY alice@example.com yes") == b"OK"
    assert sum("no verdict within its timeout" in line for line in helper.information) == 4


def test_task_that_ignores_its_cancelling_gives_its_place_away(scripted: ScriptedSite) -> None:
    _configure_with_timeout(scripted)
    helper = scripted.site.serve()
    helper.log_in(*(f"a{n}@example.com" for n in range(4)), password="yes")
    helper.send(*(b"%d VRFY a%d@example.com go on" % (n, n) for n in range(4)))
    assert {line.partition(b" ")[2] for line in helper.wait_for_replies(4)} == {TEMPORARY}
    helper.wait_for_information(r"scripted: a task goes on 0\.5 s after it was cancelled, at .*scripted_backend\.py")
    wait_until(lambda: helper.ask(b"y VRFY alice@example.com yes") == b"OK", "a place")
    (worker,) = set(scripted.processes("go on begins"))
    assert set(scripted.processes("yes begins")) == {worker}


def test_log_names_the_place_that_blocks_the_loop(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    assert helper.ask(b"1 VRFY alice@example.com block") == b"OK"
    helper.wait_for_information(
        r"scripted: code has blocked the event loop for 0\.[1-9] s at .*scripted_backend\.py, line [0-9]+, in _do"
    )
    assert helper.ask(b"2 VRFY alice@example.com yes") == b"OK"
    assert len(set(scripted.processes("block begins") + scripted.processes("yes begins"))) == 1


def test_worker_with_a_hanging_loop_is_replaced(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    helper.send(b"h VRFY h@example.com hang")
    (worker,) = scripted.wait_for("hang begins")
    helper.wait_for_information("the event loop .*scripted_backend.*worker [0-9]+ gets no more requests")
    assert helper.ask(b"1 VRFY alice@example.com yes") == b"OK"
    assert helper.ask(b"2 VRFY bob@example.org password") == b"OK"
    assert worker not in scripted.processes("yes begins")


def test_costly_hash_does_not_block_the_loop(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1")
    helper.log_in(*(f"h{n}@example.com" for n in range(3)), password="yes")
    helper.send(*(b"h%d VRFY h%d@example.com hash" % (n, n) for n in range(3)))
    scripted.wait_for("hash begins", 3)
    assert helper.ask(b"1 VRFY alice@example.com yes") == b"OK"
    assert all(line.endswith(NEGATIVE) for line in helper.wait_for_replies(3))
    assert not any("blocked the event loop" in line for line in helper.information)


def test_failed_open_is_tried_again(scripted: ScriptedSite) -> None:
    source = plugin("scripted_async.py").replace(
        "async def open(self) -> None:\n",
        "async def open(self) -> None:\n"
        "        if not (self.settings.folder / 'up').exists():\n"
        "            raise BackendUnavailable('connection refused')\n",
    )
    scripted.site.write("scripted_backend.py", source)
    helper = scripted.serve()
    assert helper.ask(b"1 VRFY alice@example.com yes") == TEMPORARY
    (scripted.site.folder / "up").touch()
    wait_until(lambda: helper.ask(b"2 VRFY alice@example.com yes") == b"OK", "an attempt that succeeds")


def test_end_cancels_calls_under_way(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    helper.send(b"1 VRFY alice@example.com wait for ever")
    scripted.wait_for("wait for ever begins")
    assert helper.end() == 0
    assert helper.replies == [b"1 " + TEMPORARY]


def test_files_and_sync_backends_import_no_event_loop(scripted: ScriptedSite) -> None:
    scripted.site.write(
        "scripted_backend.py",
        "import sys\nfrom pathlib import Path\nfrom extauth import Backend, Settings, Verdict\n"
        "class Own(Settings, frozen=True):\n    folder: Path\n"
        "class ScriptedBackend(Backend[Own]):\n    Settings = Own\n"
        "    def verify_password(self, account, password):\n"
        "        return Verdict.USER_DISABLED.because(f'asyncio: {\"asyncio\" in sys.modules}')\n",
    )
    helper = scripted.serve(sections='[log]\nmail_server_level = "All Info"\n[cache]\n')
    assert helper.ask(b"1 VRFY bob@example.org password") == b"OK"
    assert helper.ask(b"2 VRFY alice@example.com x") == NEGATIVE
    helper.wait_for_information("asyncio: False")
