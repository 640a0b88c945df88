"""Connections that a firewall has forgotten: it drops all packets, and nobody says so. New connections work."""

from __future__ import annotations

import ctypes
import socket
import time
from collections.abc import Iterator

import pytest

from tests.backends.ldap.ldap_servers import BIND, BIND_RESPONSE, SEARCH, SEARCH_DONE, Responder, found, result
from tests.backends.ldap.ldap_site import PEOPLE_BY_UID, Serve

AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'
_SO_ATTACH_FILTER = 26


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


class ForgetfulServer(Responder):
    """Accepts the password "pw9", and can stop receiving anything on the connections that are open."""

    def __init__(self) -> None:
        self.binds: list[bytes] = []
        super().__init__(self._respond)

    def _respond(self, tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            return [found("uid=alice,ou=people,dc=example"), result(SEARCH_DONE, 0)]
        if tag == BIND and b"uid=" in operation:
            self.binds.append(operation)
        return [result(BIND_RESPONSE, 49 if b"wrong" in operation else 0)] if tag == BIND else []

    def forget(self) -> None:
        """Drop all packets that come in on the open connections. The system acknowledges none."""
        drop = _Instruction(0x06, 0, 0, 0)  # BPF: return 0
        program = bytes(_Program(1, ctypes.pointer(drop)))
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


@pytest.fixture
def server() -> Iterator[ForgetfulServer]:
    server = ForgetfulServer()
    yield server
    server.close()


@pytest.mark.parametrize("keys", [PEOPLE_BY_UID, AS_NAMED])
@pytest.mark.parametrize("times", ["", "read_timeout = 1"])
def test_login_over_forgotten_connections_is_asked_again(
    serve: Serve, server: ForgetfulServer, keys: str, times: str
) -> None:
    helper = serve(server.url, keys=keys, times=times)
    assert helper.ask(b"1 VRFY alice@x.example pw9") == b"OK"
    server.forget()
    began = time.monotonic()
    assert helper.ask(b"2 VRFY alice@x.example wrong") == b"ERROR incorrect password", helper.information
    assert time.monotonic() - began < 4
    assert [b"wrong" in bind for bind in server.binds] == [False, True]
    assert not [line for line in helper.information if "unavailable" in line]


def test_new_connection_without_acknowledgement_is_unavailable(serve: Serve, server: ForgetfulServer) -> None:
    helper = serve(server.url, keys=AS_NAMED, times="read_timeout = 1")
    assert helper.ask(b"1 VRFY alice@x.example pw9") == b"OK"
    server.forget()
    server.stop_accepting()
    assert helper.ask(b"2 VRFY alice@x.example pw9") == b"ERROR temporary failure"
    helper.wait_for_information("account=alice.*Connection refused")
