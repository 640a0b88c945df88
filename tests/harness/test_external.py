"""Many threads send requests to one program, as the sessions of a mail server do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from extauth.errors import MalformedRequest
from extauth.harness.events import Event, LineSent, ProgramEnded
from extauth.harness.external import ExternalAuthentication
from extauth.harness.process import Process
from extauth.harness.program import ProgramSettings
from extauth.harness.protocol_checker import Violation
from extauth.model import Secret
from extauth.protocol.replies import Reply
from extauth.protocol.requests import VrfyRequest
from tests.harness.programs import program

_WAIT = 20
_REPEATS_REQUESTS = [
    "perl",
    "-ne",
    r'$| = 1; /^(\S+) (.*)/; print "$1 ", $2 =~ /^INTF/ ? "INTF 3" : "ERROR $2", "\n"',
]


class _Client:
    def __init__(self, external: ExternalAuthentication) -> None:
        self._external = external

    def __call__(self, address: str, password: bytes = b"secret") -> Future[Reply | None]:
        return self._external.ask(lambda number: VrfyRequest(number, address, Secret(password)))

    def reply(self, address: str, password: bytes = b"secret") -> str | None:
        reply = self(address, password).result(_WAIT)
        return None if reply is None else f"{reply.status} {reply.text}".strip()


@contextmanager
def _started(
    folder: Path,
    command: list[str],
    *,
    interface: int | None = None,
    time_out: float = _WAIT,
    auto_restart: float | None = None,
    seen: list[Event | Violation] | None = None,
) -> Iterator[_Client]:
    settings = ProgramSettings(command, folder, time_out, auto_restart)
    with ExternalAuthentication(settings, interface, (seen if seen is not None else []).append) as external:
        yield _Client(external)


def test_each_thread_gets_the_reply_to_its_request(tmp_path: Path) -> None:
    wrong: list[object] = []

    def session(ask: _Client, name: str) -> None:
        for turn in range(100):
            reply = ask.reply(f"{name}@d", b"%d" % turn)
            if reply != f"ERROR VRFY {name}@d {turn}":
                wrong.append(reply)

    with _started(tmp_path, _REPEATS_REQUESTS) as ask:
        threads = [threading.Thread(target=session, args=(ask, name)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_the_dialect_is_selected_before_the_first_request(tmp_path: Path) -> None:
    seen: list[Event | Violation] = []
    with _started(tmp_path, _REPEATS_REQUESTS, interface=7, seen=seen) as ask:
        assert ask.reply("a b@d", b'"x') == r'ERROR VRFY "a b@d" "\"x"'
    assert next(event.line for event in seen if isinstance(event, LineSent)) == b"000001 INTF 7"


def test_without_the_interface_the_dialect_is_classic(tmp_path: Path) -> None:
    refuses = ["perl", "-ne", r'$| = 1; /^(\S+) (.*)/; print "$1 ERROR $2\n"']
    with _started(tmp_path, refuses, interface=7) as ask:
        assert ask.reply("a@d", b'"x') == 'ERROR VRFY a@d "x'
        with pytest.raises(MalformedRequest):
            ask.reply("a b@d")


def test_requests_are_rejected_after_the_program_ended(tmp_path: Path) -> None:
    with _started(tmp_path, program("dies_at_once.sh")) as ask:
        assert ask.reply("a@d") is None
        assert ask.reply("a@d") is None
        assert ask.reply("not in the classic dialect@d") is None
    assert ask.reply("a@d") is None, "requests after the stop are rejected"


def test_a_request_is_answered_by_the_restarted_program(tmp_path: Path) -> None:
    with _started(tmp_path, program("dies_once.sh"), interface=7, auto_restart=0) as ask:
        assert ask.reply("a@d") == "OK"
        assert ask.reply("b@d") == "ERROR VRFY b@d"


def test_a_late_reply_is_ignored(tmp_path: Path) -> None:
    with _started(tmp_path, program("hangs_once.pl"), time_out=0.3, auto_restart=0) as ask:
        assert ask.reply("a@d") == "OK", "the stopped program replied too late"


def test_a_request_is_sent_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.harness.program.TICK", 2 * _WAIT)
    with _started(tmp_path, _REPEATS_REQUESTS) as ask:
        assert ask.reply("a@d") == "ERROR VRFY a@d secret"
        monkeypatch.undo()


def test_without_requests_it_sleeps_until_the_program_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps, ended = threading.Event(), threading.Event()
    wait = Process.wait

    def observed_wait(process: Process, seconds: float, *, to_write: bool, wake_up: int | None = None) -> None:
        if seconds > _WAIT:
            sleeps.set()
        wait(process, seconds, to_write=to_write, wake_up=wake_up)

    def handle_event(event: Event | Violation) -> None:
        if isinstance(event, ProgramEnded):
            ended.set()

    monkeypatch.setattr(Process, "wait", observed_wait)
    closes_output = ["perl", "-e", "close STDOUT; sleep 1000"]  # so that the end of output does not wake the harness
    with ExternalAuthentication(ProgramSettings(closes_output, tmp_path), None, handle_event) as external:
        assert sleeps.wait(_WAIT)
        assert external.manager.program_run is not None
        external.manager.program_run.program.process.kill()
        assert ended.wait(_WAIT)


def test_a_request_that_cannot_be_sent_is_rejected_alone(tmp_path: Path) -> None:
    with ExternalAuthentication(ProgramSettings(_REPEATS_REQUESTS, tmp_path), None, lambda event: None) as external:
        assert isinstance(_Client(external)("\udc80@d").exception(_WAIT), MalformedRequest)
        assert _Client(external).reply("a@d") == "ERROR VRFY a@d secret"


def test_a_reply_without_a_valid_status_is_rejected(tmp_path: Path) -> None:
    repeats = ["perl", "-ne", r'$| = 1; /^(\S+) .* (.*)/; print "$1 $2\n"']
    with _started(tmp_path, repeats) as ask:
        assert ask.reply("a@d", b"tiger") is None
        assert ask.reply("a@d", b"OK") == "OK"


def test_stop_rejects_requests_under_way(tmp_path: Path) -> None:
    with _started(tmp_path, [sys.executable, "-c", "import sys; sys.stdin.read()"]) as ask:
        unanswered = ask("a@d")
    assert unanswered.result(0) is None
