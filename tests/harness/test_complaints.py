"""Everything the server would trip over, each shown by a program that does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.groups import group_runs
from tests.harness.programs import program, replay

_TWO = "I: 1 VRFY a@d x\nI: 2 VRFY b@d y\n"
_ONE = "I: 1 VRFY a@d x\n"


@pytest.mark.parametrize(
    ("name", "session", "complaints"),
    [
        ("answers_twice.sh", _TWO, ["a repeated number: 1 OK"]),
        ("invents_a_number.sh", _ONE, ["an unknown number: 91 OK"]),
        ("raw_control.pl", _ONE, [r"a control character in a line: 1 ERROR a\rb"]),
        ("no_end_of_line.pl", _ONE, ["the last line is not terminated: * bye"]),
        ("exits_with_3.sh", _ONE, ["exit status 3"]),
        ("kills_itself.sh", _ONE, ["ended by SIGSEGV"]),
        (
            "answers_nonsense.sh",
            _TWO,
            [
                "neither a known reply nor an information line: 1 ***",
                "neither a known reply nor an information line: ",
            ],
        ),
        (
            "talks_after_the_end.sh",
            _ONE,
            [
                "a repeated number after standard input was closed: 1 OK",
                "an unknown number after standard input was closed: 77 OK",
                "neither a known reply nor an information line after standard input was closed: goodbye",
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
                "a reply only after standard input was closed: not flushed, or too late: 1 OK",
                "a reply only after standard input was closed: not flushed, or too late: 2 OK",
            ],
        ),
    ],
)
def test_a_program_that_misbehaves_is_named(name: str, session: str, complaints: list[str], tmp_path: Path) -> None:
    stops_it = ["--time-out", "0.3"] if name.startswith("never") else []
    outcome = replay(tmp_path, session, program(name), *stops_it)
    assert outcome.complaints == complaints
    assert outcome.lines[-1] == f"complaints: {len(complaints)}"
    assert outcome.status == 1


def test_a_line_over_4096_bytes_is_named(tmp_path: Path) -> None:
    outcome = replay(tmp_path, _ONE, program("long_line.pl"))
    assert [complaint[:33] for complaint in outcome.complaints] == ["a line over 4,096 bytes: 1 ERROR "]
    assert outcome.status == 1


def test_a_line_of_4096_bytes_is_none_too_long(tmp_path: Path) -> None:
    assert replay(tmp_path, _ONE, program("longest_line.pl")).status == 0


def test_a_program_that_stays_is_killed_and_named(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 VRFY a@d x\nO: 1 OK\n", program("never_goes.sh"))
    assert outcome.complaints == ["not gone 5 seconds after its standard input was closed: killed"]
    assert "replies: 1 of 1 as expected" in outcome.lines
    assert outcome.lines[-2].endswith(", SIGKILL")
    assert outcome.status == 1


def test_a_full_standard_error_is_named(tmp_path: Path) -> None:
    outcome = replay(tmp_path, _ONE, program("never_answers_and_fills_standard_error.pl"), "--time-out", "0.3")
    assert outcome.complaints == [
        "no reply to 1 within 0.3 seconds",
        "standard error is full, and the server reads it only after the end",
    ]


def test_a_program_that_reads_no_more_is_named(tmp_path: Path) -> None:
    session = "I: 1 VRFY a@d x\nwait\nI: 2 VRFY b@d y\nO: 2 OK\n"
    outcome = replay(tmp_path, session, program("stops_reading.sh"))
    assert "ended or stopped reading before its standard input was closed" in outcome.complaints
    assert "replies: 0 of 1 as expected" in outcome.lines
    assert outcome.status == 1


def test_a_pipe_that_nobody_empties_is_a_time_out_even_if_nothing_is_to_be_answered(tmp_path: Path) -> None:
    outcome = replay(tmp_path, f"I: !{'x' * 200_000}\n", program("never_reads.pl"), "--time-out", "0.3")
    assert outcome.complaints == ["took no input for 0.3 seconds"]


def test_of_very_many_complaints_the_first_are_shown(tmp_path: Path) -> None:
    session = "".join(f"I: {number} VRFY a@d x\n" for number in range(100))
    outcome = replay(tmp_path, session, program("invents_a_number.sh"))
    assert len(outcome.complaints) == 20
    assert "... 100 complaints in all" in outcome.lines
    assert outcome.lines[-1] == "complaints: 100"


def test_nothing_that_was_left_behind_still_runs(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "I: 1 VRFY a@d x\n", program("leaves_a_child.sh"))
    assert outcome.complaints == ["left a process behind: killed"]
    assert not group_runs(int(outcome.replies[0].removeprefix("* ")))
