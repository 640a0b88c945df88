"""Replies and information lines: each is one clean line."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from extauth.model import Secret
from extauth.protocol.quoting import unquote
from extauth.protocol.replies import MAX_REPLY, Reply, parse_reply, render_information, render_plain, render_reply
from tests.protocol.strategies import numbers


@example(number=b"1", secret=b"x" * (MAX_REPLY - len("1 PLAIN \n")))
@example(number=b"1", secret=b"x" * (MAX_REPLY - len("1 PLAIN \n") + 1))
@example(number=b"1", secret=b"#123")
@example(number=b"1", secret=b"a_b")
@example(number=b"1", secret="ä".encode())
@example(number=b"1", secret=b" " * (MAX_REPLY - len('1 PLAIN ""\n') + 1))
@given(number=numbers, secret=st.binary(min_size=1))
def test_a_plain_reply_is_one_clean_complete_line_or_none(number: bytes, secret: bytes) -> None:
    line = render_plain(number, Secret(secret))
    if line is None:
        assert len(secret) > 4000
        return
    assert len(line) <= MAX_REPLY
    assert not re.search(rb"[\x00-\x1f\x7f]", line[:-1])
    head = number + b" PLAIN "
    assert line.startswith(head)
    assert line.endswith(b"\n")
    value = line[len(head) : -1]
    assert (unquote(value) if value.startswith(b'"') else value) == secret
    assert value.startswith(b'"') or re.fullmatch(rb"[A-Za-z0-9]+", value)


@given(text=st.text(), number=numbers)
def test_replies_and_information_lines_are_one_clean_line(text: str, number: bytes) -> None:
    for line in (render_reply(Reply(number, "ERROR", text)), render_information(text)):
        assert len(line) <= MAX_REPLY
        assert line.endswith(b"\n")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line.decode()[:-1])
    parsed = parse_reply(render_reply(Reply(number, "ERROR", text))[:-1])
    assert parsed is not None
    assert (parsed.number, parsed.status) == (number, "ERROR")
