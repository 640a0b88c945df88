"""Framing: chunks of bytes into lines, and very long lines through the real program."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.framing import MAX_REQUEST
from tests.helper import Helper
from tests.protocol.strategies import frame, lines, streams

NEGATIVE = b"ERROR incorrect password"
MALFORMED = b"ERROR malformed request"


@given(stream=streams, cuts=st.lists(st.integers(0, 3 * MAX_REQUEST), max_size=8))
def test_lines_do_not_depend_on_chunks(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert frame(*chunks) == frame(stream)


@given(stream=st.one_of(st.binary(max_size=300), st.lists(lines).map(b"\n".join)))
def test_lines_can_arrive_byte_by_byte(stream: bytes) -> None:
    assert frame(*(stream[place : place + 1] for place in range(len(stream)))) == frame(stream)


def test_a_line_of_one_mebibyte_gets_one_error(helper: Helper) -> None:
    helper.send(b"1 VRFY alice@example.com " + b"x" * 2**20, b"2 VRFY bob@example.com password")
    assert sorted(helper.wait_for_replies(2)) == [b"1 ERROR malformed request", b"2 OK"]


def test_an_unterminated_overlong_line_gets_a_reply_at_the_end(helper: Helper) -> None:
    helper.write(b"1 VRFY alice@example.com " + b"x" * 2**20)
    assert helper.end() == 0
    assert helper.replies == [b"1 ERROR malformed request"]


def test_a_line_one_byte_over_the_limit_is_malformed(helper: Helper) -> None:
    head = b"1 VRFY alice@example.com "
    assert helper.ask(head + b"x" * (65_536 - len(head))) == NEGATIVE
    assert helper.ask(head + b"x" * (65_537 - len(head))) == MALFORMED


def test_crlf_and_an_unterminated_last_line_are_accepted(helper: Helper) -> None:
    helper.write(b"1 VRFY bob@example.com password\r\n2 VRFY bob@example.com password")
    assert helper.end() == 0
    assert sorted(helper.replies) == [b"1 OK", b"2 OK"]
