"""The log of the mail server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.programs import program, replay

_SESSION = "I: 1 VRFY a@d secret\nO: * bye\n"


@pytest.mark.parametrize(
    ("level", "records"),
    [
        ("Crashes Only", []),
        ("Failures", []),
        ("Major & Failures", ["2 started", "2 closed", "2 ended"]),
        ("problems", ["2 started", "2 closed", "3 no_line_end", "2 ended"]),
        ("Low Level", ["2 started", "2 closed", "4 information", "3 no_line_end", "2 ended"]),
        ("All Info", ["2 started", "5 request", "5 reply", "2 closed", "4 information", "3 no_line_end", "2 ended"]),
    ],
)
def test_each_level_includes_the_levels_above_it(level: str, records: list[str], tmp_path: Path) -> None:
    texts = {
        "started": "program started",
        "request": "I: 1 VRFY a@d ***",
        "reply": "O: 1 OK",
        "closed": "standard input closed",
        "information": "O: * bye",
        "no_line_end": "the last line has no line end: * bye",
        "ended": "program ended with status 0",
    }
    outcome = replay(tmp_path, _SESSION, program("no_line_end.pl"), "--log-level", level)
    expected = [f"{number} EXTAUTH {texts[name]}" for number, name in (record.split() for record in records)]
    assert [line.partition(" ")[2] for line in outcome.log] == expected
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", line.partition(" ")[0]) for line in outcome.log)


def test_time_outs_and_bad_exit_statuses_are_failures(tmp_path: Path) -> None:
    options = ["--log-level", "Failures", "--time-out", "0.3"]
    late = replay(tmp_path, _SESSION, program("never_answers.sh"), *options)
    assert [line[13:] for line in late.log] == [
        "1 EXTAUTH no reply within 0.3 seconds; stopping the program",
    ]
    bad = replay(tmp_path, "", program("exits_with_3.sh"), *options)
    assert [line[13:] for line in bad.log] == ["1 EXTAUTH program ended with status 3"]


def test_standard_error_is_logged_without_passwords(tmp_path: Path) -> None:
    ends = ["sh", "-c", "read -r _ _ _ password; echo out of memory >&2; echo $password >&2; exit 3"]
    outcome = replay(tmp_path, _SESSION, ends, "--log-level", "Failures")
    assert [line[13:] for line in outcome.log] == [
        "1 EXTAUTH standard error: out of memory",
        "1 EXTAUTH standard error: ***",
        "1 EXTAUTH program ended with status 3",
    ]


def test_without_a_level_there_is_no_log(tmp_path: Path) -> None:
    assert replay(tmp_path, _SESSION, program("answers_ok.sh")).log == []
