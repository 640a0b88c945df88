"""The dialogue of PWD: the login, its codes, and TLS."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from pathlib import Path

import pytest

from tests.harness.mail.pwd.admin import Admin
from tests.harness.mail.server import LineClient, MailServer
from tests.helper import PATIENCE

_ACCOUNTS = """
[[domain]]
name = "mymac.ru"
[[domain.account]]
name = "pbx"
[[domain.account]]
name = "postmaster"
password = "old one"
[[domain.account]]
name = "user1"
"""

_SESSION = """\
S: 200 mymac.ru CommuniGate Pro PWD Server 6.0.5 ready <>
C: user postmaster
S: 300 please send the PASS
C: pass old one
S: 200 login OK, proceed
C: newpass new one
S: 200 Password updated
C: listaccounts mymac.ru
S: 200 data follow
S: { pbx = macnt; postmaster = macnt; user1 = macnt; }
C: QUIT
S: 200 mymac.ru CommuniGate Pro PWD connection closed
"""


def test_a_session_of_a_real_server_works_word_for_word(tmp_path: Path) -> None:
    with MailServer(tmp_path, _ACCOUNTS, ["cat"]) as server, LineClient(server.port("pwd")) as client:
        for line in _SESSION.splitlines():
            if line.startswith("C: "):
                client.send(line[3:].encode(), end=b"\n")
            else:
                assert re.sub("<[^ ]+>", "<>", client.read().decode()) == line[3:]
        assert client.read() == b""


def test_apop_logs_in_with_the_challenge_of_the_greeting(cli_server: MailServer) -> None:
    with LineClient(cli_server.port("pwd")) as client:
        challenge = client.read().rpartition(b" ")[2]
        digest = hashlib.md5(challenge + b"secret of user1", usedforsecurity=False).hexdigest()
        assert client.ask(f"APOP user1 {digest[::-1]}".encode()).startswith(b"515 ")
        assert client.ask(f"apop user1 {digest}".encode()) == b"200 login OK, proceed"


def test_stls_starts_tls_and_forgets_the_user_name(cli_server: MailServer) -> None:
    context = ssl.create_default_context(cafile=str(cli_server.certificate))
    with socket.create_connection(("127.0.0.1", cli_server.port("pwd")), PATIENCE) as plain:
        plain.recv(1_000)
        plain.sendall(b"USER user1\nSTLS\n")
        reply = b""
        while reply.count(b"\n") < 2:
            reply += plain.recv(1_000)
        with context.wrap_socket(plain, server_hostname="mymac.ru") as secure, secure.makefile("rwb") as file:
            codes = []
            for line in (b"PASS secret of user1\n", b"USER user1\n", b"PASS secret of user1\n", b"STLS\n"):
                file.write(line)
                file.flush()
                codes.append(file.readline()[:3])
    assert codes == [b"500", b"300", b"200", b"500"]


@pytest.mark.parametrize("before", [b"", b"USER user1\nPASS wrong\n"])
def test_plain_text_after_stls_is_never_run(cli_server: MailServer, before: bytes) -> None:
    with LineClient(cli_server.port("pwd")) as client:
        client.read()
        seen = len(cli_server.log)
        client.send(before + b"STLS\nUSER user1\nPASS secret of user1")
        records = cli_server.wait_for("PWD .*plain text after the start of TLS: connection closed", since=seen)
        assert "logged in" not in "".join(records)


def test_inline_puts_data_into_the_line_of_the_reply(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        assert admin.run("MainDomainName", "noop", "nonsense") == ['201 "mymac.ru"', "200 OK", "500 unknown command"]


def test_a_domain_of_the_local_address_completes_a_name(cli_server: MailServer) -> None:
    with LineClient(cli_server.port("pwd", "127.0.0.5"), host="127.0.0.5") as client:
        assert client.read().startswith(b"200 second.org CommuniGate Pro PWD Server ")
        assert client.ask(b"USER bob").startswith(b"300 ")
        assert client.ask(b"PASS secret of bob").startswith(b"200 ")


def test_a_deleted_account_can_do_nothing_more(cli_server: MailServer) -> None:
    with Admin(cli_server) as admin:
        admin.run("CREATEACCOUNT gone", 'SETACCOUNTPASSWORD gone PASSWORD "secret of gone"')
        admin.run("SETACCOUNTRIGHTS gone (Master)")
        with Admin(cli_server, "gone") as gone:
            assert gone.run("LISTDOMAINS")[0].startswith("201 ")
            assert admin.run("DELETEACCOUNT gone") == ["200 OK"]
            assert [reply[:3] for reply in gone.run("LISTDOMAINS", "NEWPASS x")] == ["500", "500"]
