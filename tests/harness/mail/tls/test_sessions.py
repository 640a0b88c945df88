"""TLS sessions and handshakes, as openssl sees them, and their log records."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.harness.mail.pwd.admin import ACCOUNTS, Admin
from tests.harness.mail.server import MailServer
from tests.harness.mail.tls.pem import s_client
from tests.helper import PATIENCE, wait_until

WAYS = {
    "session identifier, TLS 1.2": ["-tls1_2", "-no_ticket"],
    "ticket, TLS 1.2": ["-tls1_2"],
    "session identifier, TLS 1.3": ["-tls1_3", "-no_ticket"],
    "ticket, TLS 1.3": ["-tls1_3"],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, ["cat"]) as server:
        yield server


def is_resumed(shown: str) -> bool:
    """Return True if openssl says that the session was resumed."""
    found = re.search(r"^(New|Reused), TLS", shown, re.MULTILINE)
    assert found is not None, shown
    return found[1] == "Reused"


def is_new(connect: Callable[[], str]) -> bool:
    """Connect. Return True if the session is new."""
    return not is_resumed(connect())


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_session_is_resumed(server: MailServer, tmp_path: Path, options: list[str]) -> None:
    port, saved, since = server.port("pop3s"), str(tmp_path / "session"), len(server.log)
    assert not is_resumed(s_client(port, *options, "-servername", "mymac.ru", "-sess_out", saved))
    assert is_resumed(s_client(port, *options, "-servername", "mymac.ru", "-sess_in", saved))
    version = options[0].removeprefix("-tls").replace("_", ".")
    pattern = rf"4 TLS \[\d+\] handshake: TLSv{version}, \S+GCM\S+, resumed session, server name mymac.ru$"
    records = [record for record in server.wait_for(pattern, since) if " TLS " in record]
    assert re.search(rf"handshake: TLSv{version}, \S+GCM\S+, new session, server name mymac.ru$", records[-2])


def test_a_session_is_not_resumed_for_another_server_name(server: MailServer, tmp_path: Path) -> None:
    port, saved, since = server.port("pop3s"), str(tmp_path / "session"), len(server.log)
    for options in WAYS.values():
        s_client(port, *options, "-servername", "second.org", "-sess_out", saved)
        for other in (["-servername", "mymac.ru"], ["-servername", "second.net"], ["-noservername"]):
            assert not is_resumed(s_client(port, *options, *other, "-sess_in", saved)), (options, other)
    server.wait_for(r" TLS \[\d+\] handshake: TLSv1.3, \S+, new session, server name second.net$", since)


def test_a_session_ends_after_its_time_to_live(server: MailServer, tmp_path: Path) -> None:
    port, saved = server.port("pop3s"), str(tmp_path / "session")
    with Admin(server) as admin:
        assert admin.run("UPDATEMODULE TLS {TLSTimeToLive=1s;}") == ["200 OK"]
        for number, options in enumerate(WAYS.values()):
            s_client(port, *options, "-sess_out", f"{saved}{number}")
        for number, options in enumerate(WAYS.values()):
            resume = partial(s_client, port, *options, "-sess_in", f"{saved}{number}")
            wait_until(partial(is_new, resume), "the end of the session")
        assert admin.run("UPDATEMODULE TLS {TLSTimeToLive=1m;}") == ["200 OK"]


def test_wrong_settings_of_tls_are_refused(server: MailServer) -> None:
    with Admin(server) as admin:
        assert admin.run(
            "UPDATEMODULE TLS {TLSTimeToLive=8d;}", "UPDATEMODULE TLS {TLSLogLevel=6;}", "GETMODULE TLS"
        ) == [
            "501 TLSTimeToLive must be from 1s to 7d, such as 30s, 1m, 2h, or default",
            "501 TLSLogLevel must be 0 to 5 or default",
            "201 { TLSTimeToLive = 1m; TLSLogLevel = 5; }",
        ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-verify_return_error"], r"the client does not trust the certificate \(.*unknown ca\)"),
        (["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], r"the client has no TLS 1.2 or later \(unsupported protocol\)"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], r"the client has none of the cipher suites \(no shared"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"], r"the client has none of the cipher suites \(no shared"),
    ],
)
def test_a_failed_handshake_leaves_its_reason(server: MailServer, options: list[str], reason: str) -> None:
    since = len(server.log)
    assert "alert" in s_client(server.port("imaps"), *options) or "verify_return" in options[0]
    server.wait_for(rf"3 TLS \[\d+\] handshake failed: {reason}", since)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"USER alice\r\n", r"the client sent no TLS \((wrong version number|packet length)"),
        (b"GET / HTTP/1.0\r\n\r\n", r"the client sent HTTP \(http request\)"),
        (b"\x16\x03\x01", "the connection was closed before the end of the handshake"),
        (b"", "the connection was closed before the end of the handshake"),
    ],
)
def test_plain_text_on_a_tls_port_leaves_a_record(server: MailServer, sent: bytes, reason: str) -> None:
    since = len(server.log)
    with socket.create_connection(("127.0.0.1", server.port("pop3s")), PATIENCE) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1_000):
            pass
    server.wait_for(rf"3 TLS \[\d+\] handshake failed: {reason}", since)


def test_the_log_level_of_tls_leaves_records_out(server: MailServer) -> None:
    port, since = server.port("imaps"), len(server.log)
    with Admin(server) as admin:
        admin.run("UPDATEMODULE TLS {TLSLogLevel=3;}")
        try:
            s_client(port)
            s_client(port, "-verify_return_error")
            records = server.wait_for(r"3 TLS \[\d+\] handshake failed", since)
        finally:
            admin.run("UPDATEMODULE TLS {TLSLogLevel=5;}")
    assert not any(" 4 TLS" in f" {record}" for record in records)
