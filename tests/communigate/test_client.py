"""The client for the PWD port, at the harness."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from extauth.communigate import (
    AccountExists,
    CliClient,
    CliError,
    CliUnavailable,
    CommandRefused,
    LoginRefused,
    NoRight,
    UnknownAccount,
    UnknownCommand,
    UnknownDomain,
    WrongPassword,
)
from extauth.communigate.errors import refusal
from extauth.model import Account, Secret
from tests.backends.ldap.slapd import Certificates
from tests.communigate.middle import Middle, Scripted, Waits
from tests.harness.mail.pwd.admin import ACCOUNTS
from tests.harness.mail.server import MailServer
from tests.helper import PATIENCE, wait_until

_ELSEWHERE = "0.0.0.0"  # noqa: S104  # reaches this computer, but is no address of the loopback


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[MailServer]:
    certificate, key = certificates.issue("mail", f"IP:127.0.0.1,IP:{_ELSEWHERE}")
    options = ("--certificate", str(certificate), "--key", str(key))
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, ["cat"], *options) as server:
        yield server


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.authority)
    # Python 3.13 sets this flag, and the authority of the tests is a simple one
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def client(port: int, name: str = "postmaster", **options: Any) -> CliClient:
    host: str = options.pop("host", "127.0.0.1")
    password = options.pop("password", Secret(b"secret of " + name.encode()))
    return CliClient(host, port, account=name, password=password, **options)


def run(work: Callable[[CliClient], Coroutine[Any, Any, Any]], using: CliClient) -> Any:
    """Run `work` with a client, and close it."""

    async def main() -> Any:
        async with asyncio.timeout(PATIENCE), using:
            return await work(using)

    return asyncio.run(main())


@contextlib.contextmanager
def between(server: MailServer, **options: Any) -> Iterator[Middle]:
    middle = Middle(server.port("pwd"), **options)
    try:
        yield middle
    finally:
        middle.close()


async def rights(client: CliClient) -> list[str]:
    return await client.get_account_rights(client.account)


def test_commands_change_accounts(server: MailServer) -> None:
    account = Account("c.d", "second.org")

    async def work(cli: CliClient) -> None:
        await cli.create_account(
            account, kind="MultiMailbox", settings={"RealName": 'Ä "B"\n', "UseAppPassword": "YES"}
        )
        await cli.set_account_password(account, Secret(b'\xe4 "q" \\x'))
        assert await cli.command("VerifyAccountPassword", account, "PASSWORD", Secret(b'\xe4 "q" \\x')) is None
        await cli.update_account_settings(account, {"RealName": "default", "MaxAccountSize": 5})
        assert await cli.get_account_settings("c.d@second.org") == {"UseAppPassword": "YES", "MaxAccountSize": 5}
        await cli.set_account_aliases(account, ["cd", "c d"])
        assert await cli.command("GETACCOUNTALIASES", account) == ["cd", "c d"]
        assert await rights(cli) == ["Master"]

    run(work, client(server.port("pwd")))


def test_a_password_must_be_a_secret_of_bytes(server: MailServer) -> None:
    plain: Any
    for plain in ("correct horse", b"correct horse", Secret("correct horse")):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"^password: must be a Secret of bytes") as caught:
            client(server.port("pwd"), password=plain)
        assert "horse" not in str(caught.value)
        with pytest.raises(TypeError, match=r"^password: must be a Secret of bytes"):
            run(lambda cli, plain=plain: cli.set_account_password("pbx", plain), client(server.port("pwd")))  # type: ignore[misc]


def test_each_refusal_has_its_class(server: MailServer) -> None:
    async def work(cli: CliClient) -> None:
        refused: list[tuple[type[CommandRefused], str, tuple[Any, ...]]] = [
            (UnknownCommand, "FLY", ()),
            (UnknownDomain, "LISTACCOUNTS", ("third.org",)),
            (UnknownAccount, "DELETEACCOUNT", ("nobody",)),
            (WrongPassword, "VERIFYACCOUNTPASSWORD", ("pbx", "PASSWORD", Secret(b"wrong"))),
            (AccountExists, "CREATEACCOUNT", ("pbx",)),
            (CommandRefused, "DELETEACCOUNT", ()),
        ]
        for kind, verb, arguments in refused:
            with pytest.raises(CommandRefused) as caught:
                await cli.command(verb, *arguments)
            assert type(caught.value) is kind
            assert "wrong" not in str(caught.value) or not arguments

    run(work, client(server.port("pwd")))
    with pytest.raises(NoRight, match=r"^CREATEACCOUNT new: 501 access denied"):
        run(lambda cli: cli.create_account("new"), client(server.port("pwd"), "user1"))
    exists = refusal("CREATEACCOUNT a", 501, "Account with this name already exists", has_secret=False)
    assert type(exists) is AccountExists


@pytest.mark.parametrize(
    ("hides_challenge", "options", "commands"),
    [
        (False, {}, [b"APOP", b"INLINE", b"GETACCOUNTRIGHTS", b"QUIT"]),
        (True, {}, [b"USER", b"PASS", b"INLINE", b"GETACCOUNTRIGHTS", b"QUIT"]),
        (True, {"host": _ELSEWHERE}, [b"STLS"]),
        (False, {"starttls": True}, [b"STLS"]),
    ],
    ids=["apop", "loopback", "another computer", "starttls"],
)
def test_no_password_crosses_the_network_in_the_clear(
    server: MailServer, tls: ssl.SSLContext, hides_challenge: bool, options: dict[str, Any], commands: list[bytes]
) -> None:
    with between(server, hides_challenge=hides_challenge) as middle:
        assert run(rights, client(middle.port, tls=tls, **options)) == ["Master"]
        wait_until(lambda: middle.commands()[: len(commands)] == commands, f"{commands} in {middle.received!r}")
        assert (b"secret of" in middle.received) == (b"PASS" in commands)


def test_a_command_with_a_password_begins_tls(server: MailServer, tls: ssl.SSLContext) -> None:
    async def work(cli: CliClient) -> None:
        assert await rights(cli) == ["Master"]
        await cli.set_account_password("pbx", Secret(b"secret of pbx"))

    with between(server) as middle:
        run(work, client(middle.port, host=_ELSEWHERE, tls=tls))
        assert middle.commands()[:4] == [b"APOP", b"INLINE", b"GETACCOUNTRIGHTS", b"STLS"]
        assert b"secret of" not in middle.received
        with pytest.raises(CliUnavailable, match="TLS: certificate: unable to get local issuer"):
            run(work, client(middle.port, host=_ELSEWHERE))


def test_a_broken_connection_is_opened_again(server: MailServer) -> None:
    async def work(cli: CliClient) -> None:
        await rights(cli)
        middle.cut()  # while nothing is sent: any command can go on
        await cli.create_account("idle")
        middle.loses = b"GET"  # can be repeated
        assert await rights(cli) == ["Master"]
        middle.loses = b"CREATE"  # cannot: it has been carried out
        with pytest.raises(CliUnavailable, match="CREATEACCOUNT: the server closed the connection"):
            await cli.create_account("lost")
        with pytest.raises(AccountExists):
            await cli.create_account("lost")

    with between(server) as middle:
        run(work, client(middle.port))


def test_a_connection_that_was_idle_for_long_is_not_used(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(cli: CliClient) -> None:
        await rights(cli)
        await rights(cli)
        assert middle.commands().count(b"APOP") == 1
        monkeypatch.setattr("extauth.communigate.client.IDLE_LIMIT", 0.0)
        await rights(cli)
        assert middle.commands().count(b"APOP") == 2

    with between(server) as middle:
        run(work, client(middle.port))


def test_a_refused_login_is_not_tried_again_at_once(server: MailServer) -> None:
    wrong = client(server.port("pwd"), "user1", password=Secret(b"not it"))

    async def work(cli: CliClient) -> None:
        since = len(server.log)
        for _ in range(2):
            with pytest.raises(LoginRefused, match="login of user1 was refused with the code 515"):
                await rights(cli)
        server.wait_for("refused: user1", since)
        assert str(server.log[since:]).count("refused: user1") == 1
        assert "not it" not in repr(cli)

    run(work, wrong)


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ([b"200 hi <1@x>\r\n200 in", b"200 inline"], "replied before the command"),
        ([b"200 hi <1@x>", b"200 in\r\n200 inline", b"200 made"], "replied before the command"),
        ([b"200 hi", b"200 in", b"200 inline"], "invalid answer: USER got the code 200"),
        ([b"200 hi <1@\xff>", b"300 go on", b"200 in", b"500 secret of robot"], "INLINE was refused with the code 500"),
        ([b"200 hi", b"300 go on", b"200 in", b"200", b"501 secret of robot"], r"CREATEACCOUNT bob: 501 \(the text is"),
        ([b"200 hi <1@x>", b"200 in", b"200", b"201 " + b"{a=" * 9_000], "invalid answer: more than 32 arrays"),
        ([b"200 hi <1@x>", b"200 in", b"200", b"201 " + b"x" * 1_048_576], "a line of more than 1048576 bytes"),
        ([b"200 hi <1@x>", b"200 in", b"200"], "CREATEACCOUNT: the server closed the connection"),
    ],
)
def test_a_hostile_mail_server_gets_no_success(replies: list[bytes], problem: str) -> None:
    with pytest.raises(CliError, match=problem) as caught:
        run(lambda cli: cli.create_account("bob"), client(Scripted(replies).port, "robot"))
    assert "secret" not in str(caught.value)


def test_silence_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = client(silent.getsockname()[1], connect_timeout=0.05)
        with pytest.raises(CliUnavailable, match=r"pwd://127.0.0.1:\d+: no connection and login in time"):
            run(rights, slow)
    with pytest.raises(CliUnavailable, match="Connection refused"):
        run(rights, client(slow.server.port))


def test_a_missing_reply_ends_the_connection() -> None:
    server = Waits(b"GETACCOUNTRIGHTS")

    async def work(cli: CliClient) -> bool:
        with pytest.raises(CliUnavailable, match="no reply to GETACCOUNTRIGHTS in time"):
            await rights(cli)
        return await asyncio.to_thread(_ends, server.connections[0])

    assert run(work, client(server.port, reply_timeout=0.1))
    server.close()


def _ends(connection: socket.socket) -> bool:
    connection.settimeout(PATIENCE / 2)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
