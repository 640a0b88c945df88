"""Requests: a rendered request is parsed as it was."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from extauth.errors import MalformedRequest
from extauth.mechanisms import MECHANISMS
from extauth.model import Secret
from extauth.protocol.requests import (
    Dialect,
    IntfRequest,
    MailServerRequest,
    NewRequest,
    QuitRequest,
    ReadPlainRequest,
    SaslRequest,
    VrfyRequest,
    render_request,
)
from tests.protocol.strategies import frame, numbers, parse, revealed

addresses = st.text(st.sampled_from('a@b() "\\é\0\r\n'), min_size=1)
modes = st.text(st.sampled_from('IM() "\\é'), max_size=4).map(lambda mode: mode.replace(" ", ""))
secrets = (
    st.lists(st.sampled_from([b"a", b" ", b'"', b"\\", b"(b)", b"\\065", b"\xff", b"\t"]), min_size=1)
    .map(b"".join)
    .map(Secret)
)
requests = st.one_of(
    st.builds(VrfyRequest, numbers, addresses, st.one_of(secrets, st.just(Secret(b""))), modes),
    st.builds(SaslRequest, numbers, st.sampled_from(list(MECHANISMS)), addresses, secrets, secrets, modes),
    st.builds(NewRequest, numbers, addresses, modes),
    st.builds(ReadPlainRequest, numbers, addresses, modes),
    st.builds(IntfRequest, numbers, st.integers(0, 999_999_999)),
    st.builds(QuitRequest, numbers),
)


@example(request=VrfyRequest(b"1", "(IMAP)", Secret(b"a b")), dialect=Dialect.CLASSIC)
@example(request=VrfyRequest(b"1", "(IMAP)", Secret(b"a b")), dialect=Dialect.HELPER)
@given(request=requests, dialect=st.sampled_from(Dialect))
def test_a_rendered_request_is_parsed_back_unchanged(request: MailServerRequest, dialect: Dialect) -> None:
    try:
        rendered = render_request(request, dialect)
    except MalformedRequest:
        assert dialect is Dialect.CLASSIC  # every request fits the helper dialect
        return
    (line,) = frame(rendered)
    parsed = parse(line, dialect)
    assert isinstance(parsed, type(request))
    assert revealed(parsed) == revealed(request)
