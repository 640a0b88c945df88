"""No password is shown, also if the line is malformed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extauth.harness.masking import Masker, printable
from tests.harness.programs import program, replay, run


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"1 VRFY a@d tiger", "1 VRFY a@d ***"),
        (b"1 VRFY a@d two words", "1 VRFY a@d ***"),
        (b"1 VRFY (IMAP) a@d tiger", "1 VRFY (IMAP) a@d ***"),
        (b"1 VRFY (IMAP a@d tiger", "1 VRFY (IMAP ***"),
        (b"1 VRFY a@d \xff\x00", "1 VRFY a@d ***"),
        (b"1 VRFY a@d tiger\r", "1 VRFY a@d ***"),
        (b"1 VRFY tiger", "1 VRFY ***"),
        (b"1 VRFY  tiger", "1 VRFY ***"),
        (b"1 VRFY (IMAP) tiger", "1 VRFY ***"),
        (b"1 VRFY a@d ", "1 VRFY a@d "),
        (b"1 VRFY a@d", "1 VRFY a@d"),
        (b"1 VRFY", "1 VRFY"),
        (b"1 VRFY\ta@d tiger", "1 ***"),
        (b"1  VRFY a@d tiger", "1 ***"),
        (b"1 vrfy a@d tiger", "1 vrfy ***"),
        (b"1 LOGIN a@d tiger", "1 LOGIN ***"),
        (b"1 a@d tiger", "1 ***"),
        (b"a@d tiger", "***"),
        (b" 1 VRFY a@d tiger", "***"),
        (b"VRFY a@d tiger", "VRFY ***"),
        (b"1 SASL(CRAM-MD5) a@d 0f0f <c@h>", "1 SASL(CRAM-MD5) a@d *** <c@h>"),
        (b"1 SASL(APOP) (POP) a@d 0f0f <c> d", "1 SASL(APOP) (POP) a@d *** <c> d"),
        (b"1 SASL(APOP) a@d 0f0f", "1 SASL(APOP) a@d ***"),
        (b"1 SASL(APOP) a@d  0f0f c", "1 SASL(APOP) a@d ***"),
        (b"1 SASL(APOP) 0f0f", "1 SASL(APOP) ***"),
        (b"1 SASL a@d 0f0f c", "1 SASL ***"),
        (b"1 NEW a@d", "1 NEW a@d"),
        (b"1 NEW a@d tiger", "1 NEW a@d ***"),
        (b"1 READPLAIN a@d", "1 READPLAIN a@d"),
        (b"1 INTF 7", "1 INTF 7"),
        (b"1 INTF tiger", "1 INTF ***"),
        (b"1 QUIT", "1 QUIT"),
        (b"", ""),
    ],
)
def test_a_request_is_shown_without_its_password(line: bytes, shown: str) -> None:
    assert Masker().sent(line) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'1 VRFY "a b@d" tiger', '1 VRFY "a b@d" ***'),
        (b'1 VRFY "a b@d tiger', "1 VRFY ***"),
        (b'1 VRFY "a b@d"tiger', "1 VRFY ***"),
        (b'1 VRFY a@d "ti\\"ger" x', "1 VRFY a@d ***"),
        (b'1 SASL(APOP) a@d "0f 0f" c', "1 SASL(APOP) a@d *** c"),
        (b'1 SASL(APOP) a@d "0f 0f c', "1 SASL(APOP) a@d ***"),
    ],
)
def test_quoted_fields_are_masked_in_the_helper_dialect(line: bytes, shown: str) -> None:
    masker = Masker()
    masker.sent(b"0 INTF 7")
    assert masker.sent(line) == shown


def test_the_classic_dialect_has_no_quoted_fields() -> None:
    assert Masker().sent(b'1 VRFY "a tiger@d" lion') == '1 VRFY "a ***'


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"1 OK", "1 OK"),
        (b"1 ERROR incorrect password", "1 ERROR incorrect password"),
        (b"1 ERROR no tiger here", "1 ERROR no *** here"),
        (b'1 ERROR no ti"ger here', "1 ERROR no *** here"),
        (b"1 PLAIN lion", "1 PLAIN ***"),
        (b'1 PLAIN "lion king"', "1 PLAIN ***"),
        (b"1 PLAIN not available", "1 PLAIN ***"),
        (b"1 plain lion", "1 ***"),
        (b"1  PLAIN lion", "1 ***"),
        (b"1 lion is no password", "1 ***"),
        (b"1 OK lion", "1 OK lion"),
        (b"5 OK lion", "5 OK ***"),
        (b"5 ERROR lion", "5 ERROR ***"),
        (b"5 FAILURE not available", "5 FAILURE not available"),
        (b"5 OK", "5 OK"),
        (b"* user a@d, password tiger", "* user a@d, *** ***"),
        (b"* ready", "* ready"),
        (b"tiger OK", "***"),
        (b"1 tiger", "1 ***"),
        (b"1 ERROR \xff\x1b[2J", "1 ERROR \\xff\\x1b[2J"),
    ],
)
def test_replies_show_no_password_that_was_sent(line: bytes, shown: str) -> None:
    masker = Masker()
    for sent in (b"1 VRFY a@d tiger", b"2 VRFY a@d password", b"3 INTF 7", b'4 VRFY a@d "ti\\"ger"'):
        masker.sent(sent)
    masker.sent(b"5 READPLAIN a@d")
    assert masker.received(line) == shown


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        (b"garbage", "garbage", "***"),
        (b"9 OK", "9 OK", "***"),
        (b"9 plain lion", "***", "***"),
        (b" 1  PLAIN lion", "***", "***"),
        (b"* ready", "* ready", "* ready"),
    ],
)
def test_other_lines_are_hidden_after_a_readplain(line: bytes, before: str, after: str) -> None:
    masker = Masker()
    assert masker.received(line) == before
    masker.sent(b"1 readplain a@d")
    assert masker.received(line) == after


@pytest.mark.parametrize("reply", [b"1 PLAIN lion", b'1 PLAIN "lion"', b"1 plain lion", b"1 ERROR lion"])
def test_a_revealed_password_is_hidden_in_later_lines(reply: bytes) -> None:
    masker = Masker()
    masker.sent(b"1 READPLAIN a@d")
    masker.received(reply)
    assert masker.text(b"it was lion") == "it was ***"


def test_a_text_is_hidden_after_it_became_a_password() -> None:
    masker = Masker()
    assert masker.received(b"* the tiger") == "* the tiger"
    masker.sent(b"1 VRFY a@d tiger")
    assert masker.received(b"* the tiger") == "* the ***"


def test_single_words_are_hidden_only_without_an_account() -> None:
    masker = Masker()
    masker.sent(b"1 VRFY a@d correct horse")
    assert masker.received(b"1 ERROR incorrect") == "1 ERROR incorrect"
    assert masker.received(b"1 ERROR a correct horse!") == "1 ERROR a ***!"
    masker.sent(b"2 LOGIN a@d tiger")
    assert masker.received(b"2 ERROR what is tiger?") == "2 ERROR what is ***?"


def test_show_passwords_turns_masking_off() -> None:
    masker = Masker(show_passwords=True)
    assert masker.sent(b"1 VRFY a@d tiger") == "1 VRFY a@d tiger"
    assert masker.received(b"1 PLAIN tiger") == "1 PLAIN tiger"


def test_unprintable_characters_are_escaped() -> None:
    assert printable("Jürgen\x1b\n\u2028".encode() + b"\xff") == "Jürgen\\x1b\\n\\u2028\\xff"


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        (b"x", "fixed 6 exits of max, x = 3", None),
        (b"x", "wrong password x for max@example.com", "wrong password *** for max@example.com"),
        (b"x", "got pw=x and 'x' and VRFY alice@example.com x", "got pw=*** and '***' and VRFY alice@example.com ***"),
        (b"OK", "OK is OK", None),
        (b"a", "a worker of alice@example.com ended", None),
        (b"tige", "tigers are no tige, b'\\ntige' tige%20tige", "tigers are no ***, b'\\n***' ***%20***"),
        (b"tanstaaf", "xtanstaafx tanstaaftanstaaf", "x***x ******"),
        (
            b"alice",
            "alice@example.com is ALICE@example.com, pw alice",
            "alice@example.com is ALICE@example.com, pw ***",
        ),
        (b"alice", "imap://alice:alice@old.example", "imap://***:***@old.example"),
        (b"p.ss", "p.ss is not pass", "*** is not pass"),
        (b"*", "* and *", None),
        (b"tanst\xc3\xa4\xc3\xa4f", "TANSTÄÄF tanstääf", "TANSTÄÄF ***"),
    ],
)
def test_a_text_is_shown_without_the_password(password: bytes, text: str, shown: str | None) -> None:
    masker = Masker()
    assert masker.sent(b"1 VRFY alice@example.com " + password) == "1 VRFY alice@example.com ***"
    assert masker.received(b"* " + text.encode()) == f"* {shown or text}"
    assert masker.text(text.encode()) == (shown or text)
    assert masker.received(b"1 ERROR " + password) == "1 ERROR ***"
    assert masker.received(b"1 OK") == "1 OK"


_LEAKS = "I: 1 VRFY a@d tiger\nI: 2 vrfy a@d tiger\nI: 3 SASL(APOP) a@d tiger c\nI: tiger?\nI: 5 VRFY tiger\n"


def test_no_output_of_the_harness_has_a_password(tmp_path: Path) -> None:
    session = _LEAKS + "O: 1 OK\nO: 2 ERROR tiger\n"
    for name in ("repeats_what_it_reads.pl", "reveals_passwords.pl"):
        outcome = replay(tmp_path, session, program(name), "--log-level", "All Info")
        assert outcome.status == 1
        assert len(outcome.log) > 10
        assert "tiger" not in "\n".join([*outcome.lines, *outcome.log])
    typed = run(["shell", "--", *program("repeats_what_it_reads.pl")], _LEAKS.replace("I: ", "").encode())
    assert "tiger" not in "\n".join([*typed.lines, *typed.log])


def test_a_password_in_place_of_a_status_is_hidden(tmp_path: Path) -> None:
    command, page = program("puts_passwords_first.pl"), tmp_path / "page.html"
    session = "I: 1 VRFY a@d tiger\n" + "".join(f"I: {number} READPLAIN a@d\n" for number in range(2, 8))
    played = replay(tmp_path, session, command, "--log-level", "All Info", "--html", str(page))
    texts = "\n".join([*played.lines, *played.log, page.read_text()])
    assert "<tr><th>invalid reply</th><td>4</td></tr>" in texts
    assert "<tr><th>ERROR ***</th><td>1</td></tr>" in texts
    assert not re.search("tiger|leopard", texts)
    (tmp_path / "accounts").write_text("a@d:tiger\n")
    options = ["--accounts", str(tmp_path / "accounts"), "--requests", "10", "--html", str(page)]
    loaded = run(["load", *options, "--log-level", "All Info", "--", *command])
    assert any(line.startswith("wrong reply: expected OK to 000001 VRFY a@d ***, got ***") for line in loaded.lines)
    assert "tiger" not in "\n".join([*loaded.lines, *loaded.log, page.read_text()])


def test_the_option_shows_passwords(tmp_path: Path) -> None:
    outcome = replay(tmp_path, _LEAKS, program("answers_ok.sh"), "--show-passwords")
    assert "I: 1 VRFY a@d tiger" in outcome.lines
