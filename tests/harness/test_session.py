"""The notation of session files."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.session import Close, Expected, Send, SessionError, Wait, WaitForAnswers, read_session
from tests.harness.programs import replay


def test_every_kind_of_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_bytes(b"# c\n\n  \nI: 1 VRFY a@d  x \nwait\nwait 0.5\r\nI:\nI: \xff\r\nclose\nO: 1 OK\r\nO: * hi\n")
    session = read_session(path)
    steps = [Send(b"1 VRFY a@d  x "), WaitForAnswers(), Wait(0.5), Send(b""), Send(b"\xff\r"), Close()]
    assert session.steps == steps
    assert session.expected == [Expected(10, b"1 OK"), Expected(11, b"* hi")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("#\nX: 1 secret\n", ", line 2: must be I:, O:, wait, wait SECONDS, close or a comment (#)"),
        ("I:1 VRFY secret\n", ", line 1: must be I:, O:, wait, wait SECONDS, close or a comment (#)"),
        ("wait secret\n", ", line 1: wait takes a number of seconds"),
        ("wait -1\n", ", line 1: wait takes a number of seconds"),
        ("wait nan\n", ", line 1: wait takes a number of seconds"),
        ("close\nI: 1 VRFY a@d secret\n", ", line 2: standard input is closed already"),
        ("I: 1 X\nO: 1\n", ", line 2: O: takes a number and a reply, or * and a text"),
        ("O: *secret\n", ", line 1: O: takes a number and a reply, or * and a text"),
        ("I: 1 X\nO: 2 OK\n", ", line 2: no I: line is left that this could answer"),
        ("I: 1 X\nO: 1 OK\nO: 1 OK\n", ", line 3: no I: line is left that this could answer"),
    ],
)
def test_what_cannot_be_played_is_named_with_its_line(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_text(text)
    with pytest.raises(SessionError) as raised:
        read_session(path)
    assert str(raised.value) == f"{path}{sentence}"


def test_a_session_that_cannot_be_played_starts_no_program(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "nonsense\n", ["sh", "-c", f"touch {tmp_path}/started"])
    assert outcome.status == 2
    assert outcome.lines == []
    assert not (tmp_path / "started").exists()


def test_a_session_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file"):
        read_session(tmp_path / "absent")


@pytest.mark.parametrize(
    ("expected", "line", "accepted"),
    [
        (b"1 OK", b"1 OK", True),
        (b"1 OK", b"1 OK ", False),
        (b"1 OK", b"1 OK indeed", False),
        (b"1 ERROR", b"1 ERROR", True),
        (b"1 ERROR", b"1 ERROR any text", True),
        (b"1 ERROR", b"1 ERRORS", False),
        (b"1 ERROR", b"1 OK", False),
        (b"1 FAILURE", b"1 FAILURE any text", True),
        (b"1 ERROR this", b"1 ERROR that", False),
        (b"1 ERROR this", b"1 ERROR", False),
        (b"01 OK", b"1 OK", False),
        (b"*", b"* any text", True),
        (b"* this", b"* this", True),
        (b"* this", b"* this too", False),
    ],
)
def test_text_is_exact_but_where_an_error_is_expected_without_one(expected: bytes, line: bytes, accepted: bool) -> None:
    assert Expected(1, expected).accepts(line) is accepted
