"""SMTP (RFC 5321) with AUTH (RFC 4954), STARTTLS (RFC 3207), SIZE, 8BITMIME, PIPELINING and enhanced status codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from extauth.harness.mail.delivery import (
    MAX_MESSAGE_SIZE,
    Envelope,
    MalformedPath,
    Recipient,
    deliver,
    parse_path,
    receive_message,
)
from extauth.harness.mail.mechanisms import MECHANISMS
from extauth.harness.mail.sasl import MAX_SASL_LINE, SaslError, sasl_claim
from extauth.harness.mail.session import LoginFailure, LoginRecord, MailSession, RecipientStatus
from extauth.harness.mail.stream import LineTooLong, Stream
from extauth.log_levels import Level

_SERVER = "CommuniGate Pro 6.0.5"
_MAX_RECIPIENTS = 1_000


class _SmtpError(Exception):
    """The error reply: its code, its enhanced status code, and its text."""


async def serve_smtp(session: MailSession, stream: Stream) -> None:
    """Serve one connection. Strangers may connect too."""
    await SmtpConnection(session, stream).serve()


class SmtpConnection:
    """One connection: the name of the client, its login, and the current mail transaction."""

    def __init__(self, session: MailSession, stream: Stream) -> None:
        self._session = session
        self._stream = stream
        self._client = ""  # the argument of EHLO or HELO
        self._extended = False  # after EHLO
        self._login: LoginRecord | None = None
        self._envelope: Envelope | None = None
        self._ended = False

    async def serve(self) -> None:
        """Greet the client, and run its commands until QUIT."""
        self._reply(f"220 {self._session.local_domain} ESMTP {_SERVER}")
        while not self._ended:
            try:
                name, _, argument = (await self._stream.read_line(MAX_SASL_LINE)).partition(b" ")
                command = COMMANDS.get(name.upper())
                if command is None:
                    raise _SmtpError("500 5.5.1 unknown command")
                await command(self, argument.strip())
            except LineTooLong:
                self._session.log(Level.PROBLEMS, f"a line has more than {MAX_SASL_LINE} bytes: ignored")
                self._reply("500 5.5.2 the line is too long")
            except SaslError as error:
                self._reply(f"501 5.5.2 {error}")
            except MalformedPath as error:
                self._reply(f"501 5.5.4 {error}")
            except _SmtpError as error:
                self._reply(str(error))

    async def _ehlo(self, argument: bytes) -> None:
        """Take the client's name, end its transaction, and list the extensions."""
        self._hello(argument)
        self._extended = True
        extensions = [f"SIZE {MAX_MESSAGE_SIZE}", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "HELP"]
        if offered := self._session.offered:
            extensions.append(" ".join(("AUTH", *(name.decode() for name in offered))))
        if self._session.may_start_tls:
            extensions.append("STARTTLS")
        lines = [f"{self._session.local_domain} is pleased to meet you", *extensions]
        for line in lines[:-1]:
            self._reply(f"250-{line}")
        self._reply(f"250 {lines[-1]}")

    async def _helo(self, argument: bytes) -> None:
        """Take the client's name and end its transaction."""
        self._hello(argument)
        self._extended = False
        self._reply(f"250 {self._session.local_domain} is pleased to meet you")

    async def _starttls(self, argument: bytes) -> None:
        """Start TLS, and forget all that the client has said (RFC 3207, section 4.2)."""
        if argument:
            raise _SmtpError("501 5.5.4 STARTTLS takes no argument")
        if self._session.over_tls:
            raise _SmtpError("503 5.5.1 TLS is already active")
        if not self._session.may_start_tls:
            raise _SmtpError("502 5.5.1 this domain has no TLS")
        self._reply("220 2.0.0 begin TLS")
        await self._stream.start_tls()
        self._client, self._extended, self._login, self._envelope = "", False, None, None

    async def _auth(self, argument: bytes) -> None:
        """Log in."""
        if not self._extended:
            raise _SmtpError("503 5.5.1 send EHLO first")
        if self._login is not None:
            raise _SmtpError("503 5.5.1 you are logged in already")
        if self._envelope is not None:
            raise _SmtpError("503 5.5.1 AUTH is not possible within a mail transaction")
        mechanism, _, initial = argument.partition(b" ")
        if not mechanism:
            raise _SmtpError("501 5.5.4 AUTH needs a mechanism")
        if mechanism.upper() not in MECHANISMS:
            raise _SmtpError("504 5.5.4 unknown mechanism")
        match await self._session.log_in(
            await sasl_claim(self._stream, "SMTP", mechanism.upper(), initial.strip(), b"334")
        ):
            case LoginRecord() as login:
                self._login = login
                self._reply("235 2.7.0 login OK")
            case LoginFailure.UNAVAILABLE:
                self._reply("454 4.7.0 temporary failure; try again later")
            case LoginFailure.NEEDS_TLS:  # RFC 4954, section 6
                self._reply("538 5.7.11 send STARTTLS first, or use CRAM-MD5")
            case _:
                self._reply("535 5.7.8 incorrect password or unknown account")

    async def _mail(self, argument: bytes) -> None:
        """Begin a mail transaction."""
        if not self._client:
            raise _SmtpError("503 5.5.1 send EHLO first")
        if self._envelope is not None:
            raise _SmtpError("503 5.5.1 a mail transaction is under way")
        sender, parameters = parse_path(argument, b"FROM:")
        for parameter in parameters:
            key, _, value = parameter.upper().partition("=")
            if key == "SIZE" and value.isdecimal() and self._extended:
                if int(value[:20]) > MAX_MESSAGE_SIZE:
                    raise _SmtpError(f"552 5.3.4 a message may have at most {MAX_MESSAGE_SIZE} bytes")
            elif not (self._extended and (parameter.upper() in ("BODY=7BIT", "BODY=8BITMIME") or key == "AUTH")):
                raise _SmtpError("555 5.5.4 unknown parameter")
        self._envelope = Envelope(sender, self._client, self._extended, self._login is not None)
        self._reply("250 2.1.0 sender OK")

    async def _rcpt(self, argument: bytes) -> None:
        """Add a recipient."""
        envelope = self._envelope
        if envelope is None:
            raise _SmtpError("503 5.5.1 send MAIL first")
        address, parameters = parse_path(argument, b"TO:")
        if parameters:
            raise _SmtpError("555 5.5.4 unknown parameter")
        if not address:
            raise _SmtpError("501 5.1.3 the recipient is missing")
        if len(envelope.recipients) == _MAX_RECIPIENTS:
            raise _SmtpError("452 4.5.3 too many recipients")
        await self._check_recipient(address)
        envelope.recipients.append(Recipient(address, self._session.find_account(address.encode())))
        self._reply("250 2.1.5 recipient OK")

    async def _check_recipient(self, address: str) -> None:
        """Refuse a recipient that gets no mail. Every domain has a postmaster (RFC 5321, section 4.5.1)."""
        name, at, domain = address.rpartition("@") if "@" in address else (address, "", "")
        is_local = not at or self._session.accounts.find_domain(domain) is not None
        if not is_local:
            if self._login is None:
                raise _SmtpError("550 5.7.1 no such account here; log in to send mail elsewhere")
        elif name.lower() != "postmaster":
            match await self._session.recipient_status(address.encode()):
                case RecipientStatus.UNKNOWN:
                    raise _SmtpError("550 5.1.1 no such account here")
                case RecipientStatus.TEMPORARY_FAILURE:
                    raise _SmtpError("451 4.3.0 temporary failure; try again later")

    async def _data(self, argument: bytes) -> None:
        """Take the message and deliver it."""
        envelope = self._envelope
        if argument:
            raise _SmtpError("501 5.5.4 DATA takes no argument")
        if envelope is None or not envelope.recipients:
            raise _SmtpError("503 5.5.1 send RCPT first" if envelope else "503 5.5.1 send MAIL first")
        self._reply("354 send the message, and a line with a dot at its end")
        content = await receive_message(self._session, self._stream, envelope)
        self._envelope = None
        if content is None:
            raise _SmtpError(f"552 5.3.4 a message may have at most {MAX_MESSAGE_SIZE} bytes")
        if not deliver(self._session, envelope, content):
            raise _SmtpError("452 4.2.2 a mailbox is full")
        self._reply("250 2.0.0 message accepted")

    async def _rset(self, argument: bytes) -> None:
        """End the mail transaction."""
        self._envelope = None
        self._reply("250 2.0.0 OK")

    async def _noop(self, argument: bytes) -> None:
        """Do nothing (RFC 5321, section 4.1.1.9)."""
        self._reply("250 2.0.0 OK")

    async def _vrfy(self, argument: bytes) -> None:
        """Do not reveal whether an account exists (RFC 5321, section 3.5.3)."""
        self._reply("252 2.1.5 cannot verify the user; send the mail to find out")

    async def _help(self, argument: bytes) -> None:
        """List the commands (RFC 5321, section 4.1.1.8)."""
        self._reply(f"214 2.0.0 {b' '.join(COMMANDS).decode()}")

    async def _quit(self, argument: bytes) -> None:
        """End the connection."""
        self._ended = True
        self._reply(f"221 2.0.0 {self._session.local_domain} {_SERVER} closing the connection")

    def _hello(self, argument: bytes) -> None:
        if not argument:
            raise _SmtpError("501 5.5.4 your name is missing")
        self._client, self._envelope = argument.decode(errors="replace"), None

    def _reply(self, line: str) -> None:
        self._stream.write(line.encode() + b"\r\n")


COMMANDS: dict[bytes, Callable[[SmtpConnection, bytes], Awaitable[None]]] = {
    b"EHLO": SmtpConnection._ehlo,
    b"HELO": SmtpConnection._helo,
    b"STARTTLS": SmtpConnection._starttls,
    b"AUTH": SmtpConnection._auth,
    b"MAIL": SmtpConnection._mail,
    b"RCPT": SmtpConnection._rcpt,
    b"DATA": SmtpConnection._data,
    b"RSET": SmtpConnection._rset,
    b"VRFY": SmtpConnection._vrfy,
    b"HELP": SmtpConnection._help,
    b"NOOP": SmtpConnection._noop,
    b"QUIT": SmtpConnection._quit,
}
"""Every command by its name in capital letters."""
