"""The mail server: opens a loopback port for each protocol and serves the connections."""

from __future__ import annotations

import itertools
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from extauth.errors import ExtauthError
from extauth.harness.mail.accounts import Accounts
from extauth.harness.mail.accounts_file import is_loopback
from extauth.harness.mail.authenticator import Authenticator, HelperClient
from extauth.harness.mail.imap4 import Imap4
from extauth.harness.mail.os_password import OsPasswords
from extauth.harness.mail.pop3 import Pop3
from extauth.harness.mail.pwd import Pwd
from extauth.harness.mail.session import MailSession, NewSession, WriteRecord
from extauth.harness.mail.smtp import Smtp
from extauth.harness.mail.tls import Certificates
from extauth.log_levels import Level

_PROTOCOLS: dict[str, type[Pop3] | type[Imap4] | type[Smtp] | type[Pwd]] = {
    "POP3": Pop3,
    "IMAP": Imap4,
    "SMTP": Smtp,
    "PWD": Pwd,
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

    def __init__(
        self, accounts: Accounts, helper: HelperClient, certificates: Certificates, write_record: WriteRecord
    ) -> None:
        self._accounts = accounts
        os_passwords = None
        if accounts.use_os_passwords:
            os_passwords = OsPasswords(accounts.pam_service, accounts.pam_service_folder)
        self._authenticator = Authenticator(helper, os_passwords)
        self._certificates = certificates
        self._write_record = write_record
        self._numbers = itertools.count(1)
        observer: Any = _BugLogger(write_record)
        globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)

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
        loop: Any = reactor
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: loop.callFromThread(loop.stop))
        loop.run(installSignalHandlers=False)

    def _listen(self, service: str, host: str, port: int) -> int:
        protocol = _PROTOCOLS.get(service) or _PROTOCOLS[service.removesuffix("S")]
        factory = _ProtocolFactory(protocol, self._session)
        network: Any = reactor
        try:
            if service in _PROTOCOLS:
                listening = network.listenTCP(port, factory, interface=host)
            else:
                listening = network.listenSSL(port, factory, self._certificates.at(host), interface=host)
        except CannotListenError as error:
            reason = error.socketError.strerror or error.socketError
            raise CannotListen(f"{service}: cannot listen on {host}, port {port}: {reason}") from None
        return int(listening.getHost().port)

    def _session(self, protocol: str, transport: Any) -> MailSession:
        tls = self._certificates.at(transport.getHost().host)
        return MailSession(
            next(self._numbers), protocol, transport, tls, self._accounts, self._authenticator, self._write_record
        )


@implementer(ILogObserver)
class _BugLogger:
    """Logs unexpected exceptions: type and place, but not the text, which may contain a password."""

    def __init__(self, write_record: WriteRecord) -> None:
        self._write_record = write_record

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure") or event.get("failure")  # twisted.mail uses the older twisted.python.log
        if failure is None:
            return
        traceback = failure.getTracebackObject()
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        place = f"{traceback.tb_frame.f_code.co_filename}, line {traceback.tb_lineno}"
        self._write_record(Level.FAILURES, "SYSTEM", f"{failure.type.__name__} in {place}")


class _ProtocolFactory(Factory):
    """Makes the protocol object of each connection."""

    noisy = False

    def __init__(self, protocol: Any, new_session: NewSession) -> None:
        self._protocol = protocol
        self._new_session = new_session

    def buildProtocol(self, addr: Any) -> Protocol:
        """Return the protocol object of a new connection."""
        protocol: Protocol = self._protocol(self._new_session)
        protocol.factory = self
        return protocol
