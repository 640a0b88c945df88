"""IMAP: any bytes are a message, and arguments are valid or an error of the client."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.harness.mail.imap.fetch import Fetched, parse_items
from extauth.harness.mail.imap.numbers import NumberSet
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.parts import Part
from extauth.harness.mail.imap.replies import Bad, No
from extauth.harness.mail.imap.search import Scope, matches, parse_search
from extauth.harness.mail.imap.search_keys import Candidate
from extauth.harness.mail.mailbox import Message

_LINES = st.sampled_from(
    (
        *(b"", b"\r", b" folded", b"no colon", b"--b", b"--b--", b"--", b"\xff\xfe", b"text", b"Zm9v", b"=FF=", b":"),
        *(
            b"From: a <a@b>, <",
            b"To: group: x@y, ;",
            b'Cc: "(',
            b"Bcc: " + b"(" * 2_000,
            b"Sender: @",
            b"Reply-To: =?x?q?=FF?= <a@b>",
        ),
        *(b"Date: Mon, 99 Foo 2020", b"Date: 1 Jan 2020 00:00:00 +9999", b"Date:", b"Subject: =?utf-8?b?!?= =?x?q?_?="),
        *(b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/digest; boundary=b"),
        *(b"Content-Type: message/rfc822", b"Content-Type: text/plain; charset=x; n*0*=%ff; n*1", b"Content-Type: /"),
        *(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable"),
        *(b"Content-Disposition: a; filename*=utf-8''%ff", b"Content-Language: de, ,en", b"Content-ID: \xff"),
    )
)
_CONTENT = st.lists(_LINES, max_size=25).flatmap(
    lambda lines: st.sampled_from((b"\r\n", b"\n")).map(lambda end: end.join(lines))
)
_ITEMS = (
    b"(FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE RFC822 RFC822.TEXT RFC822.HEADER BODY[]<1.9>"
    b" BODY[1] BODY[2] BODY[1.1] BODY[2.1.MIME] BODY[2.HEADER] BODY[1.TEXT] BODY[HEADER.FIELDS.NOT (To From)])"
)
_KEYS = b"OR (FROM x SUBJECT y TEXT z) (BODY q NOT SENTSINCE 1-Jan-2020)"
_WORDS = st.lists(
    st.sampled_from(
        b'( ) [ ] < > 1 0 1:* ,:* 99999999999 * . {1}\r\nx {9}\r\n " \\ \xff FLAGS BODY[ BODY.PEEK[1.MIME]<0.1>'
        b" HEADER.FIELDS OR NOT UID SINCE 1-Jan-2020 31-Feb-2020 KEYWORD $x HEADER a CHARSET utf-8 TEXT".split(b" ")
    ),
    max_size=12,
).flatmap(lambda words: st.sampled_from((b" ", b"")).map(lambda between: between.join(words)))


@given(_CONTENT)
def test_any_bytes_are_a_message(content: bytes) -> None:
    message, root = Message(1, content, datetime(2026, 1, 1, tzinfo=UTC)), Part(content)
    asyncio.run(_fetch_and_search(Fetched(message, message.flags, root)))
    assert root.header + root.body == content


async def _fetch_and_search(fetched: Fetched) -> None:
    async def give_way() -> None:
        pass

    for item in parse_items(Parser(_ITEMS)):
        await item.value(fetched, give_way)
    candidate = Candidate(1, fetched.message, recent=False, root=fetched.root)
    await matches(parse_search(Parser(_KEYS), Scope(1, 1)), candidate, give_way)


@given(_WORDS)
def test_arguments_are_valid_or_an_error_of_the_client(words: bytes) -> None:
    with contextlib.suppress(Bad):
        parse_items(Parser(words))
    with contextlib.suppress(Bad, No):
        parse_search(Parser(words), Scope(2, 7))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", {1}),
        ("2:4,1", {1, 2, 3, 4}),
        ("4:2", {2, 3, 4}),
        ("*", {9}),
        ("8:*", {8, 9}),
        ("20:*", {9}),
        ("*:8", {8, 9}),
        ("20", set()),
        ("1:1,1:2,3", {1, 2, 3}),
    ],
)
def test_a_set_of_numbers_selects_messages(text: str, numbers: set[int]) -> None:
    assert NumberSet.parse(text.encode()).select(range(1, 10)) == numbers
