"""The parser: any bytes, and the fast split of simple `VRFY` lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.framing import Line, OverlongLine
from extauth.protocol.parser import RefusedRequest, split_simple_vrfy_lines
from extauth.protocol.requests import Dialect, VrfyRequest
from tests.examples import examples
from tests.protocol.strategies import BYTES, frame, lines, parse, revealed, streams


def is_simple(line: Line) -> bool:
    ((run, _),) = split_simple_vrfy_lines([line])
    return bool(run)


@given(stream=streams, dialect=st.sampled_from(Dialect))
def test_no_bytes_make_framer_or_parser_raise(stream: bytes, dialect: Dialect) -> None:
    for line in frame(stream):
        parse(line, dialect)


field_starts = st.sampled_from([b"", b"", b"(", b"()", b"(a)", b'"', b'"a"', b"\0", b"\xff", b" ", b"\xc3\xa9"])
simple_fields = st.builds(
    bytes.__add__, field_starts, st.lists(st.sampled_from([*BYTES, b"a"]), max_size=2).map(b"".join)
)
simple_lines = st.builds(lambda *fields: b" ".join([b"1 VRFY", *fields]), simple_fields, simple_fields)


@given(line=st.one_of(simple_lines, lines), dialect=st.sampled_from(Dialect))
@examples(1_000)
def test_the_parser_agrees_with_the_fast_split(line: bytes, dialect: Dialect) -> None:
    if not is_simple(line):
        return
    number, _, address, password = line.split(b" ", 3)
    request = parse(line, dialect)
    if isinstance(request, RefusedRequest):
        assert request.number == number
        with pytest.raises(UnicodeDecodeError):
            address.decode()
    else:
        assert isinstance(request, VrfyRequest)
        assert revealed(request) == (number, address.decode(), "", password)


@given(address=st.text(st.sampled_from("abé"), min_size=1), password=st.text(st.sampled_from('ab "\\é('), min_size=1))
def test_a_line_with_plain_name_and_password_is_simple(address: str, password: str) -> None:
    assert is_simple(f"1 VRFY {address} {password}".encode()) == (not password.startswith('"'))


@given(together=st.lists(st.one_of(simple_lines, lines, st.just(OverlongLine(b"1 VRFY a@b")))))
def test_the_split_loses_no_line(together: list[Line]) -> None:
    runs = list(split_simple_vrfy_lines(together))
    assert [line for run, other in runs for line in (*run, other) if line is not None] == together
    assert all(is_simple(line) for run, _ in runs for line in run)
    assert not any(is_simple(other) for _, other in runs if other is not None)
