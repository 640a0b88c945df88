"""The mail server: opens a loopback port for each protocol and serves the connections."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import CannotListenError
from twisted.internet.main import installReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from extauth.errors import ExtauthError
from extauth.harness.mail.accounts import Accounts
from extauth.harness.mail.accounts_file import is_loopback
from extauth.harness.mail.authenticator import Authenticator, HelperClient
from extauth.harness.mail.imap import serve_imap
from extauth.harness.mail.login import ConsultExternal, LoginChecker
from extauth.harness.mail.login_limit import LoginLimit
from extauth.harness.mail.os_password import OsPasswords
from extauth.harness.mail.policy import Access
from extauth.harness.mail.pop3 import serve_pop3
from extauth.harness.mail.pwd.connection import serve_pwd
from extauth.harness.mail.restrictions import OpenConnections, RestrictedFactory
from extauth.harness.mail.session import MailSession, WriteRecord
from extauth.harness.mail.smtp import serve_smtp
from extauth.harness.mail.stream import PlainTextAfterStartTls, Stream
from extauth.harness.mail.tls.handshake import ServerTls, TlsConnectionFactory
from extauth.log_levels import Level

# Twisted makes the connections, because its TLS keeps keys in memory and has all settings of OpenSSL.
# The protocols are coroutines of asyncio. So twisted's reactor runs on a loop of asyncio.
loop = asyncio.new_event_loop()
reactor: Any = AsyncioSelectorReactor(loop)
installReactor(reactor)

_BACKLOG = 1_024  # connections that wait to be accepted; the system drops more of them, and clients try again after 1 s


class MailProtocol(msgspec.Struct, frozen=True):
    """A protocol: its name in the log, the function that serves a connection, and what a stranger reads.

    `idle_timeout`: seconds to wait for the client
    `goodbye`: what an idle client reads
    """

    name: str
    serve: Callable[[MailSession, Stream], Awaitable[None]]
    refusal: bytes
    idle_timeout: float
    goodbye: bytes = b""


_PROTOCOLS: dict[str, MailProtocol] = {
    "POP3": MailProtocol("POP", serve_pop3, b"-ERR only client addresses may connect\r\n", 600),
    "IMAP": MailProtocol(
        "IMAP",
        serve_imap,
        b"* BYE only client addresses may connect\r\n",
        1800,
        b"* BYE you were idle for too long\r\n",
    ),
    "SMTP": MailProtocol("SMTP", serve_smtp, b"", 300, b"421 4.4.2 you were idle for too long\r\n"),
    "PWD": MailProtocol("PWD", serve_pwd, b"500 only client addresses may connect\r\n", 300),
}


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class CannotListen(ExtauthError):
    """A port is in use or not permitted, or the address does not exist."""


class MailServer:
    """The mail server with all its ports. Raises ConfigError if PAM is needed but not usable."""

    def __init__(self, accounts: Accounts, helper: HelperClient, tls: ServerTls, write_record: WriteRecord) -> None:
        self._accounts = accounts
        os_passwords = None
        if accounts.use_os_passwords:
            os_passwords = OsPasswords(accounts.pam_service, accounts.pam_service_folder)
        self._login_checker = LoginChecker(
            accounts, Authenticator(helper, os_passwords), ConsultExternal(accounts, helper), LoginLimit()
        )
        self._tls = tls
        self._write_record = write_record
        self._numbers = itertools.count(1)
        self._connections = {protocol.name: OpenConnections() for protocol in _PROTOCOLS.values()}
        observer: Any = _BugLogger(write_record)
        globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
        loop.set_exception_handler(lambda _, context: log_bug(write_record, context.get("exception") or RuntimeError()))
        threading.excepthook = lambda arguments: log_bug(write_record, arguments.exc_value or RuntimeError())

    def listen(self, ports: Mapping[str, int], hosts: Sequence[str]) -> Iterator[str]:
        """Listen on these ports. Yield `SERVICE ADDRESS:PORT` for each. Port 0 is a free port.

        A service is POP3, IMAP, SMTP or PWD, or POP3S, IMAPS or SMTPS, which start with TLS. The default hosts are
        127.0.0.1, ::1 if the system has IPv6, and the addresses of the domains. Raises CannotListen.
        """
        for host in hosts:
            if not is_loopback(host):
                raise CannotListen(f"{host}: must be a loopback address, such as 127.0.0.1 or ::1")
        assigned = [address for domain in self._accounts.domains for address in domain.addresses]
        for host in dict.fromkeys(hosts or ["127.0.0.1", *(["::1"] if _has_ipv6() else []), *assigned]):
            for service, port in ports.items():
                yield f"{service} {f'[{host}]' if ':' in host else host}:{self._listen(service, host, port)}"

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: reactor.callFromThread(reactor.stop))
        reactor.run(installSignalHandlers=False)
        loop.run_until_complete(_cancel_all_tasks())

    def _listen(self, service: str, host: str, port: int) -> int:
        protocol = _PROTOCOLS.get(service) or _PROTOCOLS[service.removesuffix("S")]
        over_tls = service not in _PROTOCOLS
        factory: Any = _ProtocolFactory(lambda: Stream(partial(self._serve, protocol, over_tls)))
        connections = self._connections[protocol.name]
        factory = RestrictedFactory(
            factory, service, lambda: self._accounts.module_settings, connections, self._write_record
        )
        try:
            listening = reactor.listenTCP(port, factory, _BACKLOG, host)
        except CannotListenError as error:
            reason = error.socketError.strerror or error.socketError
            raise CannotListen(f"{service}: cannot listen on {host}, port {port}: {reason}") from None
        return int(listening.getHost().port)

    async def _serve(self, protocol: MailProtocol, over_tls: bool, stream: Stream) -> None:
        """Serve one connection to its end."""
        number = next(self._numbers)
        stream.idle_timeout = protocol.idle_timeout
        stream.tls = self._tls_at(stream, f"[{number}] ")
        if over_tls:
            try:
                await stream.start_tls()
            except EOFError:
                return  # the client has gone already
        session = self._session(number, protocol.name, stream)
        try:
            if session.access is Access.NONE:
                stream.write(protocol.refusal)
            else:
                await protocol.serve(session, stream)
        except EOFError:
            pass  # the client has closed the connection
        except TimeoutError:
            session.log(Level.LOW_LEVEL, f"idle for {protocol.idle_timeout:g} seconds: connection closed")
            if stream.takes_replies:
                stream.write(protocol.goodbye)
            else:
                stream.abort()
        except PlainTextAfterStartTls:
            session.log(Level.PROBLEMS, "plain text after the start of TLS: connection closed")
            stream.abort()
        except Exception as error:  # noqa: BLE001  # a bug must not end the mail server
            log_bug(self._write_record, error)

    def _session(self, number: int, protocol: str, stream: Stream) -> MailSession:
        tls_is_on = self._tls.is_on
        return MailSession(number, protocol, stream, self._accounts, self._login_checker, tls_is_on, self._write_record)

    def _tls_at(self, stream: Stream, prefix: str) -> TlsConnectionFactory:
        """Return the factory of the TLS connection of `stream`. Its records begin with `prefix`."""

        def record(level: Level, tag: str, text: str) -> None:
            self._write_record(level, tag, prefix + text)

        return self._tls.at(stream.local_address, record, stream.readConnectionLost)


async def _cancel_all_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def log_bug(write_record: WriteRecord, error: BaseException) -> None:
    """Log an unexpected exception: type and place, but not the text, which may contain a password."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = f"{traceback.tb_frame.f_code.co_filename}, line {traceback.tb_lineno}" if traceback else "an unknown place"
    write_record(Level.FAILURES, "SYSTEM", f"{type(error).__name__} in {place}")


@implementer(ILogObserver)
class _BugLogger:
    """Logs exceptions in twisted."""

    def __init__(self, write_record: WriteRecord) -> None:
        self._write_record = write_record

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            log_bug(self._write_record, failure.value.with_traceback(failure.getTracebackObject()))


class _ProtocolFactory(Factory):
    """Makes the protocol object of each connection."""

    noisy = False

    def __init__(self, new_protocol: Callable[[], Protocol]) -> None:
        self._new_protocol = new_protocol

    def buildProtocol(self, addr: Any) -> Protocol:
        """Return the protocol object of a new connection."""
        protocol = self._new_protocol()
        protocol.factory = self
        return protocol
