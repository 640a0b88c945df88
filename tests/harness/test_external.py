"""One program asked by many threads, as the sessions of a mail server do it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from extauth.harness.events import Ended, Event, Sent
from extauth.harness.external import ExternalAuthentication
from extauth.harness.judge import Complaint
from extauth.harness.life import ServerSettings
from extauth.harness.process import Process
from extauth.model import Secret
from extauth.protocol.replies import Reply
from extauth.protocol.requests import VrfyRequest
from tests.harness.programs import program

_PATIENCE = 20
_SAYS_WHAT_IT_READS = [
    "perl",
    "-ne",
    r'$| = 1; /^(\S+) (.*)/; print "$1 ", $2 =~ /^INTF/ ? "INTF 3" : "ERROR $2", "\n"',
]


class _Asking:
    def __init__(self, external: ExternalAuthentication) -> None:
        self._external = external

    def __call__(self, address: str, password: bytes = b"secret") -> Future[Reply | None]:
        return self._external.ask(lambda number: VrfyRequest(number, address, Secret(password)))

    def reply(self, address: str, password: bytes = b"secret") -> str | None:
        reply = self(address, password).result(_PATIENCE)
        return None if reply is None else f"{reply.status} {reply.text}".strip()


@contextmanager
def _asked(
    folder: Path,
    command: list[str],
    *,
    interface: int | None = None,
    time_out: float = _PATIENCE,
    auto_restart: float | None = None,
    seen: list[Event | Complaint] | None = None,
) -> Iterator[_Asking]:
    settings = ServerSettings(command, folder, time_out, auto_restart)
    with ExternalAuthentication(settings, interface, (seen if seen is not None else []).append) as external:
        yield _Asking(external)


def test_each_thread_gets_the_reply_to_its_own_request(tmp_path: Path) -> None:
    wrong: list[object] = []

    def session(ask: _Asking, name: str) -> None:
        for turn in range(100):
            reply = ask.reply(f"{name}@d", b"%d" % turn)
            if reply != f"ERROR VRFY {name}@d {turn}":
                wrong.append(reply)

    with _asked(tmp_path, _SAYS_WHAT_IT_READS) as ask:
        threads = [threading.Thread(target=session, args=(ask, name)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_the_dialect_is_agreed_upon_before_anything_is_asked(tmp_path: Path) -> None:
    seen: list[Event | Complaint] = []
    with _asked(tmp_path, _SAYS_WHAT_IT_READS, interface=7, seen=seen) as ask:
        assert ask.reply("a b@d", b'"x') == r'ERROR VRFY "a b@d" "\"x"'
    assert next(event.line for event in seen if isinstance(event, Sent)) == b"000001 INTF 7"


def test_a_program_that_refuses_the_interface_is_spoken_to_in_the_classic_dialect(tmp_path: Path) -> None:
    refuses = ["perl", "-ne", r'$| = 1; /^(\S+) (.*)/; print "$1 ERROR $2\n"']
    with _asked(tmp_path, refuses, interface=7) as ask:
        assert ask.reply("a@d", b'"x') == 'ERROR VRFY a@d "x'
        assert ask.reply("a b@d") is None, "the classic dialect cannot say it"


def test_requests_are_rejected_once_the_program_is_gone_for_good(tmp_path: Path) -> None:
    with _asked(tmp_path, program("dies_at_once.sh")) as ask:
        assert ask.reply("a@d") is None
        assert ask.reply("a@d") is None
    assert ask.reply("a@d") is None, "nothing is answered after the stop"


def test_a_request_is_answered_by_the_program_that_is_started_anew(tmp_path: Path) -> None:
    with _asked(tmp_path, program("dies_once.sh"), interface=7, auto_restart=0) as ask:
        assert ask.reply("a@d") == "OK"
        assert ask.reply("b@d") == "ERROR VRFY b@d"


def test_a_reply_that_comes_too_late_is_not_taken(tmp_path: Path) -> None:
    with _asked(tmp_path, program("hangs_once.pl"), time_out=0.3, auto_restart=0) as ask:
        assert ask.reply("a@d") == "OK", "the program that was stopped had said: too late"


def test_a_question_does_not_wait_for_a_turn_to_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.harness.life.TURN", 2 * _PATIENCE)
    with _asked(tmp_path, _SAYS_WHAT_IT_READS) as ask:
        assert ask.reply("a@d") == "ERROR VRFY a@d secret"
        monkeypatch.undo()


def test_while_nothing_is_under_way_it_sleeps_until_something_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps, ended = threading.Event(), threading.Event()
    wait = Process.wait

    def noted(process: Process, seconds: float, *, to_write: bool, alarm: int | None = None) -> None:
        if seconds > _PATIENCE:
            sleeps.set()
        wait(process, seconds, to_write=to_write, alarm=alarm)

    def watch(event: Event | Complaint) -> None:
        if isinstance(event, Ended):
            ended.set()

    monkeypatch.setattr(Process, "wait", noted)
    deaf = ["perl", "-e", "close STDOUT; sleep 1000"]  # so that its end is not seen by that of its output
    with ExternalAuthentication(ServerSettings(deaf, tmp_path), None, watch) as external:
        assert sleeps.wait(_PATIENCE)
        assert external.supervisor.life is not None
        external.supervisor.life.program.process.kill()
        assert ended.wait(_PATIENCE)


def test_a_question_that_no_dialect_can_say_is_rejected_and_all_others_are_answered(tmp_path: Path) -> None:
    with ExternalAuthentication(ServerSettings(_SAYS_WHAT_IT_READS, tmp_path), None, lambda event: None) as external:
        assert _Asking(external)("\udc80@d").result(_PATIENCE) is None
        assert _Asking(external).reply("a@d") == "ERROR VRFY a@d secret"


def test_a_reply_without_a_known_status_lets_nobody_in_and_is_not_handed_on(tmp_path: Path) -> None:
    repeats = ["perl", "-ne", r'$| = 1; /^(\S+) .* (.*)/; print "$1 $2\n"']
    with _asked(tmp_path, repeats) as ask:
        assert ask.reply("a@d", b"tiger") is None
        assert ask.reply("a@d", b"OK") == "OK"


def test_stopping_rejects_what_is_under_way(tmp_path: Path) -> None:
    with _asked(tmp_path, [sys.executable, "-c", "import sys; sys.stdin.read()"]) as ask:
        unanswered = ask("a@d")
    assert unanswered.result(0) is None
