"""`[handover]`: the password of a right login is set at the mail server, after the reply and never before it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from extauth.config import HandoverSettings
from extauth.frontend.handovers import REPEAT, Handovers
from extauth.frontend.pending_requests import PendingRequest, RequestGroup
from extauth.frontend.reply_texts import ReplyTexts
from extauth.model import Account, PasswordRequest, Secret, Verdict, VerdictResult
from extauth.workers.handover import GIVE_UP, Handover
from extauth.workers.handover_process import HandoverQueue
from tests.administration import command, status
from tests.backends.ldap.ldap_servers import TestServer
from tests.communigate.middle import Waits
from tests.frontend.cache.support import SILENT
from tests.harness.mail.pwd.admin import Admin
from tests.harness.mail.server import MailServer
from tests.helper import Helper, Site, wait_until
from tests.needs import needs_tracing
from tests.running_process import holds_marked_password

OK = b"OK"
OWN = "secret of postmaster"
PASSWORD = 'marked-password "q" \\ ä'

ACCOUNTS = """
[defaults]
use_external_password = true

[[domain]]
name = "x.example"
[[domain.account]]
name = "postmaster"
password = "secret of postmaster"
""" + "".join(f'[[domain.account]]\nname = "{name}"\n' for name in ("carol", "late", "alice"))
ACCOUNTS += "use_own_password = false\n"  # for alice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, ["cat"]) as server:
        yield server


def configure(site: Site, port: int, handover: str = "", own: str = OWN) -> None:
    """Write a configuration: `old` serves x.example, and down.example after a server that is unavailable."""
    names = ["alice", "carol", "late", "unknown", *(f"u{number}" for number in range(1_100))]
    site.write(
        "old",
        "".join(f"{name}@{domain}:{{PLAIN}}{PASSWORD}\n" for domain in ("x.example", "down.example") for name in names),
    )
    site.write("other", f"alice@other.example:{{PLAIN}}{PASSWORD}\n")
    site.write("own", own)
    site.configure(f"""
[helper]
workers = 1
run_directory = "run"
[log]
mail_server_level = "Low Level"
[mail_server]
account = "postmaster"
password_file = "own"
port = {port}
[handover]
{handover}
[[backend]]
type = "imap"
server = "imap://127.0.0.1:1"
domains = ["down.example"]
[[backend]]
type = "files"
name = "old"
path = "old"
domains = ["x.example", "down.example"]
[[backend]]
type = "files"
name = "other"
path = "other"
domains = ["other.example"]
""")


def login(helper: Helper, name: str, number: int = 1) -> None:
    assert helper.ask(f"{number} VRFY {name}@x.example {PASSWORD}".encode()) == OK, str(helper)


def is_set(server: MailServer, name: str) -> bool:
    """Return whether an account has the password at the mail server."""
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    with Admin(server) as admin:
        (reply,) = admin.run(f'VERIFYACCOUNTPASSWORD {name}@x.example PASSWORD "{quoted}"')
    return reply.startswith("200")


def settings_of(server: MailServer, name: str) -> str:
    with Admin(server) as admin:
        (reply,) = admin.run(f"GETACCOUNTSETTINGS {name}@x.example")
    return reply.replace(" ", "")


def test_right_password_is_set_once(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), 'backends = ["old"]\nswitch_external_off = true')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@x.example wrong") != OK
    for domain in ("other.example", "down.example"):  # another backend, and a provisional verdict
        assert helper.ask(f"2 VRFY alice@{domain} {PASSWORD}".encode()) == OK
    for number in range(3, 6):
        login(helper, "alice", number)
    login(helper, "unknown", 6)
    refused = helper.wait_for_information("handover: cannot set the password of unknown@x.example: .* 513")
    done = "handover: the mail server has the password of alice@x.example"
    assert [line for line in helper.information if line.startswith("handover")] == [done, refused]
    assert is_set(server, "alice")
    assert "UseAppPassword=YES;UseExtPassword=NO;" in settings_of(server, "alice")
    assert helper.end() == 0
    assert "marked" not in str(helper.information)


def test_password_is_not_set_before_the_reply_is_written(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"))
    helper = site.serve()
    helper.wait_for_information("serving with")
    helper.send(*(b"%d VRFY nobody@x.example wrong" % number for number in range(100_000, 103_000)))  # fills the pipe
    helper.send(f"1 VRFY carol@x.example {PASSWORD}".encode())
    wait_until(lambda: status(site)["snapshot"]["handover"]["waiting"] == 1, "a password that waits")
    assert not is_set(server, "carol")
    assert helper.reply(b"1") == OK
    assert helper.end() == 0  # what waits is set before
    assert "handover: the mail server has the password of carol@x.example" in helper.information
    assert is_set(server, "carol")
    assert settings_of(server, "carol") == "201{}"


@needs_tracing
def test_password_waits_for_the_mail_server_and_is_then_forgotten(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), "[cache]", own="not the password")
    helper = site.serve()
    login(helper, "late")
    helper.wait_for_information("handover: cannot set passwords now, trying again: .*login of postmaster was refused")
    site.write("own", OWN)
    helper.wait_for_information("handover: the mail server accepts passwords again")
    helper.wait_for_information("handover: the mail server has the password of late@x.example")
    for kind in ("frontend", "handover"):
        (process,) = helper.processes(kind)
        assert not holds_marked_password(process, site.folder), kind
    shown = command(site, "status").stdout.decode()
    assert "handover       1 set, 0 failed, 0 dropped, 0 wait now" in shown, shown


def test_silent_mail_server_delays_no_login_and_not_the_end(site: Site) -> None:
    silent = TestServer()
    configure(site, silent.port)
    helper = site.serve()
    helper.send(*(f"{number} VRFY u{number}@x.example {PASSWORD}".encode() for number in range(1_001)))
    assert {line.split(b" ", 1)[1] for line in helper.wait_for_replies(1_001)} == {OK}
    helper.wait_for_information("handover: 1000 passwords wait for the mail server; dropping further ones")
    kill_handover(helper)
    login(helper, "u0", 2_000)  # its password waits already
    assert status(site)["snapshot"]["handover"]["waiting"] == 1_000
    assert helper.end() == 0
    helper.wait_for_information("handover: 1000 waiting passwords are lost")
    silent.close()


def kill_handover(helper: Helper) -> None:
    """Kill the handover process, and wait until another one runs."""
    (process,) = helper.processes("handover")
    os.kill(process, signal.SIGKILL)
    helper.wait_for_information("handover: its process died; another one starts in")
    wait_until(lambda: helper.processes("handover") not in ([], [process]), "another process")


def test_the_next_process_sets_passwords_of_a_killed_one(site: Site) -> None:
    server = Waits(b"SETACCOUNTPASSWORD")
    configure(site, server.port)
    helper = site.serve()
    login(helper, "u1")
    wait_until(lambda: b"SETACC" in server.received, "the command")
    kill_handover(helper)
    server.may_reply.set()
    helper.wait_for_information("handover: the mail server has the password of u1@")
    assert helper.end() == 0
    server.close()


def test_password_is_dropped_after_ten_minutes() -> None:
    queue = HandoverQueue()
    first, second, other = (
        Handover(key, Account(name, "x.example"), Secret(b"x"), since)
        for key, name, since in ((1, "ann", 1.0), (2, "ann", 2.0), (3, "bob", 3.0))
    )
    queue.add([first, second, other])
    queue.put_last(first.account)
    assert queue.first is other
    queue.remove_first()
    assert queue.take_old(1.0 + GIVE_UP) == []
    assert queue.take_old(1.5 + GIVE_UP) == [first]
    assert queue.first is second


def test_refused_password_is_taken_again_after_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("extauth.frontend.handovers.time.monotonic", lambda: now)
    handovers = Handovers(SILENT)
    handovers.configure(HandoverSettings())
    request = PasswordRequest(Account("ann", "x.example"), Secret(b"x"))
    group = RequestGroup("VRFY", "", "", ReplyTexts(b"", b"", b""), now, now)
    pending = PendingRequest(b"1", request.account, 0, group, request)

    def taken() -> list[Handover]:
        handovers.add([pending], VerdictResult(Verdict.OK, "old"))
        return handovers.take()

    (handover,) = taken()
    handovers.finish(handover.key, "refused")
    now = REPEAT - 1
    assert taken() == []
    now = REPEAT + 1
    assert len(taken()) == 1
    handovers.take_back()  # its process has died
    assert len(taken()) == 1
    now += GIVE_UP + 1
    assert taken() == []
    handovers.take_back()  # too late to set it now
    assert len(taken()) == 1  # but not at the next login


class _Breaks(TestServer):
    """A mail server that closes the connection when a command names u1, and takes every other one."""

    def serve(self, connection: socket.socket) -> None:
        connection.sendall(b"200 ready <1@x>\r\n")
        for line in connection.makefile("rb"):
            if b"u1@" in line:
                return
            connection.sendall(b"200 OK\r\n")


def test_one_account_that_fails_does_not_hold_up_others(site: Site) -> None:
    server = _Breaks()
    configure(site, server.port)
    helper = site.serve()
    for number, name in enumerate(("u1", "u2", "u3")):
        login(helper, name, number)
    helper.wait_for_information("handover: the mail server has the password of u2@")
    helper.wait_for_information("handover: the mail server has the password of u3@")
    assert helper.end() == 0
    helper.wait_for_information("handover: 1 waiting passwords are lost")
    server.close()


def test_a_reload_loses_no_password_that_is_being_set(site: Site) -> None:
    server = Waits(b"SETACCOUNTPASSWORD")
    configure(site, server.port)
    helper = site.serve()
    login(helper, "u1")
    wait_until(lambda: b"SETACC" in server.received, "the command")
    configure(site, server.port, "switch_external_off = true")
    helper.process.send_signal(signal.SIGHUP)
    helper.wait_for(lambda: str(helper.information).count("serving with") == 2, "the reload")
    login(helper, "u2")  # this one is for the new configuration
    server.may_reply.set()
    helper.wait_for_information("handover: the mail server has the password of u2@")
    assert helper.end() == 0
    assert [line[-12:] for line in helper.information if line.startswith("handover")] == [
        "u1@x.example",
        "u2@x.example",
    ]
    assert server.received.count(b"UPDATEACCOUNTSETTINGS") == 1
    server.close()


def test_check_names_what_is_wrong(site: Site) -> None:
    site.configure("[handover]\n" + site.BASIC.partition("\n")[2])
    assert "[handover] needs a section [mail_server]" in command(site, "check").stderr.decode()
    configure(site, 1, 'backends = ["olds"]')
    mistakes = " ".join(command(site, "check").stderr.decode().split())
    assert "handover.backends: no [[backend]] has the name 'olds'; there are imap, old, other" in mistakes
    configure(site, 1)
    assert "Connection refused\n[handover] cannot set passwords" in command(site, "check").stdout.decode()
    (site.folder / "own").unlink()
    assert "[mail_server] password_file = " in command(site, "check").stderr.decode()
