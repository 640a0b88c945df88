"""Random lines and streams for the tests of this folder, and functions that frame and parse them."""

from __future__ import annotations

from hypothesis import strategies as st

from extauth.mechanisms import MECHANISMS
from extauth.protocol.framing import MAX_REQUEST, Framer, Line
from extauth.protocol.parser import ParsedLine, RequestParser
from extauth.protocol.requests import Dialect, MailServerRequest, SaslRequest, VrfyRequest

# Lines are made of these pieces, so that many of them are requests or nearly so.
COMMANDS = [b"VRFY", b"SASL(APOP)", b"SASL(CRAM-MD5)", b"SASL(PLAIN)", b"SASL", b"INTF", b"NEW", b"READPLAIN"]
FIELDS = [b"1", b"0007", b"(IMAP)", b"()", b"alice@example.com", b"bob", b"open sesame", b"<1@example.com>", b"x" * 70]
BYTES = [b" ", b'"', b"\\", b"\\256", b"\\065", b"\\e", b"(", b")", b"@", b"\0", b"\r", b"\xff", b"\xc3\xa9"]
pieces = st.lists(st.sampled_from(COMMANDS + FIELDS + 3 * BYTES))
lines = st.one_of(
    st.binary(max_size=200),
    pieces.map(b"".join),
    pieces.map(b" ".join),
    pieces.map(lambda some: b" ".join([b"1", b"VRFY", *some])),
    pieces.map(lambda some: b" ".join([b"1", b"SASL(APOP)", *some])),
).map(lambda line: line.replace(b"\n", b""))
streams = st.one_of(
    st.binary(),
    st.lists(lines).map(b"\n".join),
    st.lists(lines).map(b"\r\n".join),
    st.integers(MAX_REQUEST - 2, MAX_REQUEST + 3).map(lambda size: b"1 " + b"x" * (size - 2) + b"\r\n2 y"),
    st.integers(MAX_REQUEST - 2, 3 * MAX_REQUEST).map(lambda size: b"1 " + b"x" * (size - 2) + b"\n2 y\n"),
)
numbers = st.from_regex(rb"[A-Za-z0-9._-]{1,64}", fullmatch=True)


def frame(*chunks: bytes) -> list[Line]:
    framer = Framer()
    return [line for chunk in chunks for line in framer.feed(chunk)] + framer.finish()


def parse(line: Line, dialect: Dialect) -> ParsedLine:
    parser = RequestParser(MECHANISMS)
    parser.dialect = dialect
    return parser.parse(line)


def revealed(request: MailServerRequest) -> tuple[object, ...]:
    """Return the fields of a request with secrets as bytes, because secrets cannot be compared with `==`."""
    if isinstance(request, VrfyRequest):
        return request.number, request.address, request.mode, request.password.reveal()
    if isinstance(request, SaslRequest):
        secrets = request.response.reveal(), request.challenge.reveal()
        return request.number, request.mechanism, request.address, request.mode, *secrets
    return (request,)
