"""`[provision]`: `NEW` creates the account in the harness, through the real program."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.backends.ldap.slapd import Slapd
from tests.communigate.middle import Middle, Waits
from tests.harness.mail.pwd.admin import Admin
from tests.harness.mail.server import MailServer
from tests.helper import Helper, Site

ACCOUNTS = """
[[domain]]
name = "example.com"
account = [
    { name = "postmaster", password = "secret of postmaster" },
    { name = "robot", password = "secret of robot" },
    { name = "weak", password = "secret of weak" },
    { name = "mere", password = "secret of mere" },
]
"""
PASSWD = "bob:{PLAIN}open sesame:::Bob Ä,room 3::\nanna:{PLAIN}x:::\nlocked:!:::Lo Cked::\n"
FILES = '[[backend]]\ntype = "files"\npath = "passwd"\nformat = "dovecot"\ndomains = ["example.com"]\n'
ENTRIES = """\
dn: dc=example
objectClass: domain
dc: example

dn: cn=Dora Doe,dc=example
objectClass: inetOrgPerson
uid: dora
cn: Dora Doe
sn: Doe
mail: dora@example.com
mail: dd@example.com
mail: SMTP:d.doe@EXAMPLE.com
mail: x500:nothing
mail: other@example.org
mail: no@alias@example.com
title: Dr. "D"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, ["cat"]) as server:
        with Admin(server) as admin:
            rights = "(Domain, BasicSettings, CanCreateAccounts, CanCreateAliases)"
            assert admin.run(f"SETACCOUNTRIGHTS robot {rights}", "SETACCOUNTRIGHTS weak (Domain)") == ["200 OK"] * 2
        yield server


def configure(
    site: Site, port: int, *keys: str, account: str = "robot", backend: str = FILES, workers: int = 1
) -> None:
    site.write("passwd", PASSWD)
    site.write("secret", f"secret of {account}\n")
    mail_server = ["[mail_server]", f'account = "{account}"', 'password_file = "secret"', f"port = {port}"]
    site.configure("\n".join([f"[helper]\nworkers = {workers}", *mail_server, "[provision]", *keys, backend]))


def new(helper: Helper, name: str) -> bytes:
    return helper.ask(f"1 NEW {name}@example.com".encode())


def serve(site: Site) -> Helper:
    helper = site.serve()
    assert helper.ask(b"1 INTF 7") == b"INTF 7"
    return helper


def test_new_creates_an_account_that_a_backend_knows(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), 'type = "TextMailbox"')
    helper = serve(site)
    assert new(helper, "bob") == b"OK"
    assert new(helper, "nobody") == b"ERROR unknown account"
    assert new(helper, "locked") == b"OK"
    assert new(helper, "bob") == b"OK"
    assert helper.ask(b"1 VRFY bob@example.com open sesame") == b"OK"
    with Admin(server) as admin:
        assert admin.run("GETACCOUNTSETTINGS bob", "GETACCOUNTSETTINGS nobody") == [
            '201 { UseAppPassword = NO; UseExtPassword = YES; RealName = "Bob Ä"; }',
            "513 unknown user account",
        ]
    record = helper.wait_for_information("account=bob@example.com.*created")
    assert "command=NEW verdict=OK backend=provision" in record
    assert 'reason="created: settings UseAppPassword, UseExtPassword, RealName; aliases none"' in record
    assert "asked=files,OK," in record
    helper.wait_for_information("account=bob@example.com.*has the account already")


def test_attributes_of_a_directory_become_settings_and_aliases(site: Site, server: MailServer) -> None:
    slapd = Slapd(site.folder / "slapd", ENTRIES)
    backend = f'[[backend]]\ntype = "ldap"\nservers = ["{slapd.url}"]\nbase = "dc=example"\nfilter = "(uid={{name}})"\n'
    mapped = 'attributes = { RealName = "CN", Title = "title", Phone = "telephoneNumber" }'
    configure(site, server.port("pwd"), mapped, 'aliases = ["mail"]', "settings = {}", backend=backend)
    try:
        assert new(serve(site), "dora") == b"OK"
    finally:
        slapd.kill()
    with Admin(server) as admin:
        assert admin.run("GETACCOUNTSETTINGS dora", "GETACCOUNTALIASES dora") == [
            r'201 { RealName = "Dora Doe"; Title = "Dr. \"D\""; }',
            '201 (dd, "d.doe")',
        ]


def test_aliases_of_an_account_without_any_are_set(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), "attributes = {}", 'aliases = ["cn"]')
    site.write("passwd", "half:{PLAIN}x:::h.alf::\nwhole:{PLAIN}x:::w.hole::\n")
    helper = serve(site)
    with Admin(server) as admin:  # as if the worker had been killed after CREATEACCOUNT
        assert (
            admin.run("CREATEACCOUNT half", "CREATEACCOUNT whole", "SETACCOUNTALIASES whole (other)") == ["200 OK"] * 3
        )
        assert (new(helper, "half"), new(helper, "whole")) == (b"OK", b"OK")
        assert admin.run("GETACCOUNTALIASES half", "GETACCOUNTALIASES whole") == ['201 ("h.alf")', "201 (other)"]
    helper.wait_for_information("account=half@.*has the account already; it had no aliases, set h.alf")


def test_a_creation_that_takes_long_is_not_cut_off(site: Site) -> None:
    server = Waits(b"CREATE")
    configure(site, server.port, "attributes = {}", 'aliases = ["cn"]')
    site.write("extauth.toml", site.config.read_text().replace("workers = 1", "workers = 1\ndeadline = 1"))
    site.write("passwd", "late:{PLAIN}x:::l.ate::\n")
    helper = serve(site)
    assert new(helper, "late") == b"FAILURE temporary failure"
    helper.wait_for_information("late@example.com: the time is over, but its creation goes on")
    server.may_reply.set()
    helper.wait_for_information("late@.* was created, but without aliases: .* a line of more than 65536 bytes")
    helper.wait_for_information("late@example.com: after its time: created: .*; aliases l.ate failed")
    assert b'SETACCOUNTALIASES late@example.com ("l.ate")' in server.received
    server.close()


def test_a_creation_is_finished_at_the_end(site: Site) -> None:
    server = Waits(b"CREATE")
    configure(site, server.port, "attributes = {}", 'aliases = ["cn"]')
    site.write("extauth.toml", site.config.read_text().replace("workers = 1", "workers = 1\ndeadline = 1"))
    site.write("passwd", "late:{PLAIN}x:::l.ate::\nnext:{PLAIN}x:::n.ext::\n")
    helper = serve(site)
    helper.send(b"2 NEW late@example.com", b"3 NEW next@example.com")
    helper.wait_for_replies(2)  # their deadline is over
    threading.Timer(1.0, server.may_reply.set).start()
    assert helper.end() == 0
    assert b"SETACCOUNTALIASES late@" in server.received
    assert b"next@" not in server.received  # it waited for the first one
    server.close()


def test_lost_reply_leaves_no_account_without_aliases(site: Site, server: MailServer) -> None:
    middle = Middle(server.port("pwd"))
    middle.loses = b"CREATEACCOUNT"
    configure(site, middle.port, "attributes = {}", 'aliases = ["cn"]')
    site.write("passwd", "lost:{PLAIN}x:::l.ost::\n")
    assert new(serve(site), "lost") == b"OK"
    with Admin(server) as admin:
        assert admin.run("GETACCOUNTALIASES lost") == ['201 ("l.ost")']
    middle.close()


def test_a_limit_counts_over_all_workers(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), "limit_per_minute = 3", workers=3)
    site.write("passwd", "".join(f"u{number}:{{PLAIN}}x:::\n" for number in range(6)))
    helper = serve(site)
    helper.send(*(b"%d NEW u%d@example.com" % (number, number) for number in range(6)))
    replies = [helper.reply(b"%d" % number) for number in range(6)]
    assert sorted(replies) == [b"FAILURE temporary failure"] * 3 + [b"OK"] * 3
    helper.wait_for_information('reason="not created: limit_per_minute = 3 is reached"')


def test_a_mail_server_that_is_away_is_a_temporary_failure(site: Site, server: MailServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configure(site, port)
    helper = serve(site)
    assert new(helper, "bob") == b"FAILURE temporary failure"
    assert new(helper, "nobody") == b"ERROR unknown account"
    helper.wait_for_information(f"backend=provision .*pwd://127.0.0.1:{port}: Connection refused")
    configure(site, port)
    checked = site.run("check", "-c", str(site.config))
    assert (checked.returncode, f"pwd://127.0.0.1:{port}: Connection refused" in checked.stdout.decode()) == (3, True)


def test_a_dry_run_creates_nothing(site: Site, server: MailServer) -> None:
    configure(site, server.port("pwd"), "dry_run = true", '[log]\nmail_server_level = "Low Level"')
    helper = serve(site)
    assert new(helper, "anna") == b"FAILURE account not created"
    helper.wait_for_information("account=anna.*dry_run: would create it: settings UseAppPassword")
    with Admin(server) as admin:
        assert admin.run("GETACCOUNTSETTINGS anna") == ["513 unknown user account"]


@pytest.mark.parametrize(
    ("account", "status", "finding"),
    [
        ("robot", 0, "robot may create accounts"),
        ("weak", 3, "weak lacks access rights: BasicSettings, CanCreateAccounts, CanCreateAliases; it has: Domain"),
        ("mere", 4, "give mere the access rights Domain, BasicSettings, CanCreateAccounts"),
        ("postmaster", 4, "postmaster has unlimited access (Master) to the mail server; Domain, BasicSettings"),
        ("nobody", 3, "the login of nobody was refused with the code 515"),
    ],
)
def test_check_looks_at_the_rights(site: Site, server: MailServer, account: str, status: int, finding: str) -> None:
    configure(site, server.port("pwd"), 'aliases = ["mail"]', account=account)
    checked = site.run("check", "--strict", "--json", "-c", str(site.config))
    report = json.loads(checked.stdout)
    assert finding in str(report["warnings"] + report["notes"])
    assert (checked.returncode, report["creates_no_accounts"]) == (status, status == 3)


@pytest.mark.parametrize(
    ("key", "mistake"),
    [
        ('settings = { Password = "x" }', "provision.settings: Password: extauth gives new accounts no password"),
        ('settings = { RealName = "x" }', "provision.attributes: RealName is in provision.settings, too"),
    ],
)
def test_mistakes_of_the_section_are_named(site: Site, key: str, mistake: str) -> None:
    configure(site, 106, key)
    checked = site.run("check", "-c", str(site.config))
    assert (checked.returncode, mistake in checked.stderr.decode()) == (1, True)
