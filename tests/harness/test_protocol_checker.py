"""All violations of the protocol, each caused by a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.processes import group_runs
from tests.harness.programs import program, replay

_TWO = "I: 1 VRFY a@d x\nI: 2 VRFY b@d y\n"
_ONE = "I: 1 VRFY a@d x\n"


@pytest.mark.parametrize(
    ("name", "session", "violations"),
    [
        ("answers_twice.sh", _TWO, ["repeated number: 1 OK"]),
        ("invents_a_number.sh", _ONE, ["unknown number: 91 OK"]),
        ("raw_control.pl", _ONE, [r"control character in a line: 1 ERROR a\rb"]),
        ("no_line_end.pl", _ONE, ["the last line has no line end: * bye"]),
        ("exits_with_3.sh", _ONE, ["exit status 3"]),
        ("kills_itself.sh", _ONE, ["ended by SIGSEGV"]),
        (
            "answers_nonsense.sh",
            _TWO,
            [
                "not a valid reply or information line: 1 ***",
                "not a valid reply or information line: ",
            ],
        ),
        (
            "writes_after_end_of_input.sh",
            _ONE,
            [
                "repeated number after standard input was closed: 1 OK",
                "unknown number after standard input was closed: 77 OK",
                "not a valid reply or information line after standard input was closed: goodbye",
            ],
        ),
        (
            "dies_at_once.sh",
            _ONE,
            ["no reply to 1", "ended or stopped reading before its standard input was closed", "exit status 1"],
        ),
        (
            "never_answers.sh",
            _TWO,
            ["no reply to 1 within 0.3 seconds", "no reply to 2 within 0.3 seconds"],
        ),
        (
            "never_flushes.pl",
            _TWO,
            [
                "reply only after standard input was closed, not flushed or too late: 1 OK",
                "reply only after standard input was closed, not flushed or too late: 2 OK",
            ],
        ),
    ],
)
def test_each_violation_is_reported(name: str, session: str, violations: list[str], tmp_path: Path) -> None:
    options = ["--time-out", "0.3"] if name.startswith("never") else []
    outcome = replay(tmp_path, session, program(name), *options)
    assert outcome.violations == violations
    assert outcome.lines[-1] == f"violations: {len(violations)}"
    assert outcome.status == 1


def test_a_line_over_4096_bytes_is_a_violation(tmp_path: Path) -> None:
    outcome = replay(tmp_path, _ONE, program("long_line.pl"))
    assert [violation[:31] for violation in outcome.violations] == ["line over 4,096 bytes: 1 ERROR "]
    assert outcome.status == 1


def test_a_line_of_4096_bytes_is_accepted(tmp_path: Path) -> None:
    assert replay(tmp_path, _ONE, program("longest_line.pl")).status == 0


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 VRFY a@d x\nO: 1 OK\n", program("never_ends.sh"))
    assert outcome.violations == ["still running 5 seconds after its standard input was closed; killed"]
    assert "replies: 1 of 1 as expected" in outcome.lines
    assert outcome.lines[-2].endswith(", SIGKILL")
    assert outcome.status == 1


def test_a_full_standard_error_is_a_violation(tmp_path: Path) -> None:
    outcome = replay(tmp_path, _ONE, program("never_answers_and_fills_stderr.pl"), "--time-out", "0.3")
    assert outcome.violations == [
        "no reply to 1 within 0.3 seconds",
        "standard error is full; the mail server reads it only after the end",
    ]


def test_a_program_that_stops_reading_is_a_violation(tmp_path: Path) -> None:
    session = "I: 1 VRFY a@d x\nwait\nI: 2 VRFY b@d y\nO: 2 OK\n"
    outcome = replay(tmp_path, session, program("stops_reading.sh"))
    assert "ended or stopped reading before its standard input was closed" in outcome.violations
    assert "replies: 0 of 1 as expected" in outcome.lines
    assert outcome.status == 1


def test_a_full_input_pipe_is_a_time_out_without_requests(tmp_path: Path) -> None:
    outcome = replay(tmp_path, f"I: !{'x' * 200_000}\n", program("never_reads.pl"), "--time-out", "0.3")
    assert outcome.violations == ["read no input for 0.3 seconds"]


def test_only_the_first_violations_are_shown(tmp_path: Path) -> None:
    session = "".join(f"I: {number} VRFY a@d x\n" for number in range(100))
    outcome = replay(tmp_path, session, program("invents_a_number.sh"))
    assert len(outcome.violations) == 20
    assert "... 100 violations in all" in outcome.lines
    assert outcome.lines[-1] == "violations: 100"


def test_processes_left_behind_are_killed(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 VRFY a@d x\n", program("leaves_a_child.sh"))
    assert outcome.violations == ["left a process behind; killed"]
    assert not group_runs(int(outcome.replies[0].removeprefix("* ")))
