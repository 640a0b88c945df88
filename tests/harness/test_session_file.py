"""The syntax of session files."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.harness.session_file import (
    CloseInput,
    ExpectedLine,
    SendLine,
    SessionFileError,
    WaitForReplies,
    WaitSeconds,
    read_session_file,
)
from tests.harness.programs import replay


def test_all_kinds_of_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_bytes(b"# c\n\n  \nI: 1 VRFY a@d  x \nwait\nwait 0.5\r\nI:\nI: \xff\r\nclose\nO: 1 OK\r\nO: * hi\n")
    session = read_session_file(path)
    steps = [
        SendLine(b"1 VRFY a@d  x "),
        WaitForReplies(),
        WaitSeconds(0.5),
        SendLine(b""),
        SendLine(b"\xff\r"),
        CloseInput(),
    ]
    assert session.steps == steps
    assert session.expected == [ExpectedLine(10, b"1 OK"), ExpectedLine(11, b"* hi")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("#\nX: 1 secret\n", ", line 2: must be I:, O:, wait, wait SECONDS, close or a comment (#)"),
        ("I:1 VRFY secret\n", ", line 1: must be I:, O:, wait, wait SECONDS, close or a comment (#)"),
        ("wait secret\n", ", line 1: wait needs a number of seconds"),
        ("wait -1\n", ", line 1: wait needs a number of seconds"),
        ("wait nan\n", ", line 1: wait needs a number of seconds"),
        ("close\nI: 1 VRFY a@d secret\n", ", line 2: standard input is already closed"),
        ("I: 1 X\nO: 1\n", ", line 2: O: needs a number and a reply, or * and a text"),
        ("O: *secret\n", ", line 1: O: needs a number and a reply, or * and a text"),
        ("I: 1 X\nO: 2 OK\n", ", line 2: there is no I: line left for this reply"),
        ("I: 1 X\nO: 1 OK\nO: 1 OK\n", ", line 3: there is no I: line left for this reply"),
    ],
)
def test_an_error_names_the_file_and_the_line(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_text(text)
    with pytest.raises(SessionFileError) as raised:
        read_session_file(path)
    assert str(raised.value) == f"{path}{sentence}"


def test_a_file_with_an_error_starts_no_program(tmp_path: Path) -> None:
    outcome = replay(tmp_path, "nonsense\n", ["sh", "-c", f"touch {tmp_path}/started"])
    assert outcome.status == 2
    assert outcome.lines == []
    assert not (tmp_path / "started").exists()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="No such file"):
        read_session_file(tmp_path / "absent")


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
def test_expected_texts_are_exact_except_empty_error_texts(expected: bytes, line: bytes, accepted: bool) -> None:
    assert ExpectedLine(1, expected).accepts(line) is accepted
