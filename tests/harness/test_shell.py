"""Requests from a pipe and from a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select

from tests.harness.programs import HARNESS, Outcome, program, run, run_with

_TIME_OUT = 30


def _shell(command: list[str], typed: bytes, *options: str) -> Outcome:
    return run(["shell", *options, "--", *command], typed)


def test_requests_from_a_pipe_get_replies_with_times() -> None:
    outcome = _shell(program("answers_ok.sh"), b"7 VRFY a@d tiger\n\n8 NEW a@d")
    assert [line for line in outcome.lines if line.startswith("I: ")] == ["I: 7 VRFY a@d ***", "I: 8 NEW a@d"]
    assert [re.sub(r"\d\.\d{3}", "N", reply) for reply in outcome.replies] == ["7 OK    (N s)", "8 OK    (N s)"]
    assert outcome.lines[-1] == "violations: none"
    assert outcome.status == 0


def test_verify_reads_the_password_from_the_next_line() -> None:
    hexadecimal = ["perl", "-ne", r'$| = 1; /^(\S+) (.*)/; print "$1 ERROR ", unpack("H*", $2), "\n"']
    outcome = _shell(hexadecimal, b"verify a@d\nverify \xff\nverify b@d\n\n1 X\n")
    assert outcome.lines[0] == "I: 000001 VRFY a@d ***"
    sent = [bytes.fromhex(reply.split()[2]) for reply in outcome.replies]
    assert sent == [b"VRFY a@d verify \xff", b"VRFY b@d ", b"X"]


def test_help_lists_the_commands_and_sends_nothing() -> None:
    for word in (b"help", b"?"):
        outcome = _shell(program("answers_ok.sh"), word + b"\n")
        assert outcome.lines[0].startswith("verify name@domain ")
        assert not any(line.startswith("I: ") for line in outcome.lines)


def test_quit_sends_no_line_behind_it() -> None:
    outcome = _shell(program("answers_ok.sh"), b"1 VRFY a@d tiger\nquit\n2 VRFY a@d tiger\n3 VRFY a@d tiger")
    assert [line for line in outcome.lines if line.startswith("I: ")] == ["I: 1 VRFY a@d ***"]
    assert outcome.lines[-1] == "violations: none"


def test_a_request_without_a_number_gets_one() -> None:
    outcome = _shell(program("answers_ok.sh"), b"VRFY a@d tiger\nSASL(APOP) a@d 00 <1>\nverify a@d\nx\n7 NEW a@d\n")
    assert [line for line in outcome.lines if line.startswith("I: ")] == [
        "I: 000001 VRFY a@d ***",
        "I: 000002 SASL(APOP) a@d *** <1>",
        "I: 000003 VRFY a@d ***",
        "I: 7 NEW a@d",
    ]


def test_verify_uses_the_current_dialect() -> None:
    typed = b'verify a b\nx\n1 INTF 7\nverify a b\n"x\n'
    outcome = _shell(program("answers_ok.sh"), typed, "--show-passwords")
    assert outcome.lines[0].startswith("cannot be sent: ")
    assert 'I: 000002 VRFY "a b" "\\"x"' in outcome.lines


def test_verify_without_a_password_sends_nothing() -> None:
    assert _shell(program("answers_ok.sh"), b"verify a@d\n").lines[0] == "# standard input closed"


def test_verify_needs_an_account() -> None:
    assert _shell(program("answers_ok.sh"), b"verify\n").lines[0] == "verify needs name@domain"


def test_the_shell_ends_when_the_program_ends() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as never_written, os.fdopen(writer, "wb"):
        outcome = run_with(["shell", "--", "sh", "-c", "echo '* going'; exit 4"], never_written)
    assert outcome.replies == ["* going"]
    assert outcome.violations == ["ended or stopped reading before its standard input was closed", "exit status 4"]
    assert outcome.status == 1


def test_a_violation_is_shown_at_once() -> None:
    outcome = _shell(program("answers_twice.sh"), b"1 VRFY a@d tiger\n2 VRFY a@d tiger\n")
    assert outcome.lines.index("violation: repeated number: 1 OK") < outcome.lines.index("# standard input closed")
    assert outcome.status == 1


class _Terminal:
    """A terminal with the shell. `shown` has all text that the terminal shows."""

    def __init__(self, command: list[str]) -> None:
        self.shown = ""
        self._seen = 0
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execv(HARNESS[0], [*HARNESS, "shell", "--", *command])  # noqa: S606  # a terminal needs a fork

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> None:
        while (found := self.shown.find(text, self._seen)) < 0:
            assert select.select([self._terminal], [], [], _TIME_OUT)[0], self.shown
            self.shown += os.read(self._terminal, 65_536).decode()
        self._seen = found + len(text)

    def status(self) -> int:
        with contextlib.suppress(OSError):  # the end of a terminal is an OSError
            while chunk := os.read(self._terminal, 65_536):
                self.shown += chunk.decode()
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def test_a_terminal_does_not_show_the_password() -> None:
    terminal = _Terminal(program("answers_ok.sh"))
    terminal.wait_for("> ")
    terminal.type("verify a@d\n")
    terminal.wait_for("Password: ")
    terminal.type("tiger\n")
    terminal.wait_for("O: ")
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.status() == 0
    assert "I: 000001 VRFY a@d ***" in terminal.shown
    assert "tiger" not in terminal.shown


def test_a_terminal_has_line_editing_and_history() -> None:
    terminal = _Terminal(program("answers_ok.sh"))
    terminal.wait_for("> ")
    terminal.type("1 NEW a@\x01\x1b[C\x08" + "2\x05d\n")  # to the begin, one right, delete, 2, to the end
    terminal.wait_for("I: 2 NEW a@d")
    terminal.wait_for("O: 2 OK")
    terminal.wait_for("> ")
    terminal.type("\x1b[A\x01\x1b[C\x08" + "3\n")  # the line before, with another number
    terminal.wait_for("I: 3 NEW a@d")
    terminal.wait_for("O: 3 OK")
    terminal.wait_for("> ")
    terminal.type("quit\n")
    assert terminal.status() == 0


def test_events_interrupt_the_prompt() -> None:
    terminal = _Terminal(["sh", "-c", "read a; echo '* first'; read b; exit 5"])
    terminal.wait_for("> ")
    terminal.type("1 VRFY a@d x\n")
    terminal.wait_for("O: * first")
    terminal.wait_for("> ")
    terminal.type("2 VRFY a@d x\n")
    assert terminal.status() == 1
    assert "violation: exit status 5" in terminal.shown
