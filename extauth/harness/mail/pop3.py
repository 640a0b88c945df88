"""POP3 (RFC 1939) with CAPA (RFC 2449), SASL (RFC 5034), STLS (RFC 2595), and the response codes of RFC 3206."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable

import msgspec

from extauth.harness.mail.maildrop import Maildrop, NoSuchMessage, first_lines
from extauth.harness.mail.mechanisms import MECHANISMS, Claim, PasswordClaim, ResponseClaim, new_challenge
from extauth.harness.mail.sasl import MAX_SASL_LINE, SaslError, sasl_claim
from extauth.harness.mail.session import LoginFailure, LoginRecord, MailSession, open_mailbox
from extauth.harness.mail.stream import LineTooLong, Stream
from extauth.log_levels import Level
from extauth.model import Secret

_SERVER = "CommuniGate Pro POP3 Server"


class _Refused(Exception):
    """The text of a reply -ERR."""


class Pop3State(enum.Enum):
    """The state of a connection in which a command is possible (RFC 1939, section 3)."""

    BEFORE_LOGIN = "before the login"
    AFTER_LOGIN = "after the login"
    ANY = "any state"


async def serve_pop3(session: MailSession, stream: Stream) -> None:
    """Serve one connection."""
    connection = Pop3Connection(session, stream)
    if login := await connection.serve_until_login():
        with open_mailbox(login) as mailbox:
            await connection.serve_maildrop(Maildrop(mailbox, login.session))


class Pop3Connection:
    """One connection. Each command gets one reply, `+OK` or `-ERR`. The lines of a longer one end with a dot."""

    def __init__(self, session: MailSession, stream: Stream) -> None:
        self._session = session
        self._stream = stream
        self._challenge = new_challenge("POP")
        self._name: bytes | None = None
        self._login: LoginRecord | None = None
        self._maildrop: Maildrop
        self._ended = False

    async def serve_until_login(self) -> LoginRecord | None:
        """Greet the client and run its commands. Return its login, or None after QUIT."""
        self._ok(f"{_SERVER} ready {self._challenge.decode()}")
        while self._login is None and not self._ended:
            await self._run_next()
        return self._login

    async def serve_maildrop(self, maildrop: Maildrop) -> None:
        """Run the commands after the login, until QUIT."""
        self._maildrop = maildrop
        self._ok(f"{maildrop.summary.split()[0]} messages")
        while not self._ended:
            await self._run_next()

    async def _run_next(self) -> None:
        try:
            name, _, argument = (await self._stream.read_line(MAX_SASL_LINE)).partition(b" ")
            command = COMMANDS.get(name.upper())
            if command is None:
                raise _Refused("unknown command")
            if command.state is (Pop3State.BEFORE_LOGIN if self._login else Pop3State.AFTER_LOGIN):
                raise _Refused(f"{name.upper().decode()} is possible only {command.state.value}")
            if command.most is not None:
                argument = argument.strip()
                if not command.least <= len(argument.split()) <= command.most:
                    raise _Refused("wrong arguments")
            await command.run(self, argument)
        except LineTooLong:
            self._session.log(Level.PROBLEMS, f"a line has more than {MAX_SASL_LINE} bytes: ignored")
            self._send("-ERR the line is too long")
        except (_Refused, SaslError, NoSuchMessage) as error:
            self._send(f"-ERR {error}")

    async def _capa(self, argument: bytes) -> None:
        capabilities = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER"]
        if self._login is None:
            if self._session.clear_text_allowed:
                capabilities.append("USER")
            if offered := self._session.offered:
                capabilities.append(" ".join(("SASL", *(name.decode() for name in offered))))
            if self._session.may_start_tls:
                capabilities.append("STLS")
        self._list("capabilities:", capabilities)

    async def _user(self, argument: bytes) -> None:
        """Take a name, which may contain spaces."""
        if not argument:
            raise _Refused("USER needs a name")
        self._name = argument
        self._ok("send the password")

    async def _pass(self, argument: bytes) -> None:
        """Log in with the name from USER and a password: the rest of the line, unchanged."""
        name, self._name = self._name, None
        if name is None:
            raise _Refused("send USER first")
        await self._log_in(PasswordClaim("USER", name, Secret(argument)))

    async def _apop(self, argument: bytes) -> None:
        """Log in with a name, which may contain spaces, and a digest of the greeting."""
        name, _, digest = argument.rstrip().rpartition(b" ")
        if not name:
            raise _Refused("APOP needs a name and a digest")
        await self._log_in(ResponseClaim("APOP", name, Secret(digest), Secret(self._challenge)))

    async def _auth(self, argument: bytes) -> None:
        """Log in by SASL. Without a mechanism, list the mechanisms."""
        mechanism, _, initial = argument.partition(b" ")
        if not mechanism:
            self._list("mechanisms:", [name.decode() for name in self._session.offered])
        elif mechanism.upper() not in MECHANISMS:
            raise _Refused("unknown mechanism")
        else:
            await self._log_in(await sasl_claim(self._stream, "POP", mechanism.upper(), initial, b"+"))

    async def _stls(self, argument: bytes) -> None:
        """Start TLS, and forget the name that USER gave."""
        if not self._session.may_start_tls:
            raise _Refused("TLS is already active" if self._session.over_tls else "this domain has no TLS")
        self._ok("begin TLS")
        await self._stream.start_tls()
        self._name = None

    async def _noop(self, argument: bytes) -> None:
        self._ok("nothing done")

    async def _quit(self, argument: bytes) -> None:
        """End the connection. After a login, delete what is marked."""
        if self._login is not None:
            self._maildrop.update()
        self._ended = True
        self._ok(f"{_SERVER} connection closed")

    async def _stat(self, argument: bytes) -> None:
        self._ok(self._maildrop.summary)

    async def _list_sizes(self, argument: bytes) -> None:
        """Return the size of a message, or of all."""
        if argument:
            number, message = self._maildrop.get(argument)
            self._ok(f"{number} {len(message.content)}")
        else:
            self._list("sizes:", [f"{number} {len(message.content)}" for number, message in self._maildrop])

    async def _uidl(self, argument: bytes) -> None:
        """Return the unique ID of a message, or of all."""
        maildrop = self._maildrop
        if argument:
            number, message = maildrop.get(argument)
            self._ok(f"{number} {maildrop.unique_id(message)}")
        else:
            self._list("unique IDs:", [f"{number} {maildrop.unique_id(message)}" for number, message in maildrop])

    async def _retr(self, argument: bytes) -> None:
        _, message = self._maildrop.get(argument)
        self._ok(f"{len(message.content)} bytes")
        self._send_lines(message.content)

    async def _top(self, argument: bytes) -> None:
        """Send the header of a message and the first lines of its body."""
        wanted, count = argument.split()
        _, message = self._maildrop.get(wanted)
        if not count.isdigit() or len(count) > 9:
            raise _Refused("wrong number of lines")
        header, blank, body = message.content.partition(b"\r\n\r\n")
        self._ok("header and lines:")
        self._send_lines(header + blank + first_lines(body, int(count)))

    async def _dele(self, argument: bytes) -> None:
        number, _ = self._maildrop.get(argument)
        self._maildrop.delete(number)
        self._ok(f"message {number} marked as deleted")

    async def _rset(self, argument: bytes) -> None:
        self._maildrop.undelete_all()
        self._ok("no message is marked as deleted")

    async def _log_in(self, claim: Claim) -> None:
        match await self._session.log_in(claim):
            case LoginRecord() as login:
                self._login = login
            case LoginFailure.UNAVAILABLE:
                raise _Refused("[SYS/TEMP] temporary failure; try again later")
            case LoginFailure.NEEDS_TLS:
                raise _Refused("[AUTH] send STLS first, or use APOP or CRAM-MD5")
            case _:
                raise _Refused("[AUTH] incorrect password or unknown account")

    def _ok(self, text: str) -> None:
        self._send(f"+OK {text}")

    def _list(self, title: str, lines: list[str]) -> None:
        self._send("\r\n".join((f"+OK {title}", *lines, ".")))

    def _send(self, line: str) -> None:
        self._stream.write(line.encode() + b"\r\n")

    def _send_lines(self, content: bytes) -> None:
        """Send a message. A dot is put before each line that begins with one."""
        end = b"" if content.endswith(b"\r\n") else b"\r\n"
        self._stream.write((b"\r\n" + content + end).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")


class Pop3Command(msgspec.Struct, frozen=True):
    """A command: its function, the state that it needs, and how many words may follow. None: it reads them itself."""

    run: Callable[[Pop3Connection, bytes], Awaitable[None]]
    state: Pop3State
    least: int = 0
    most: int | None = 0


COMMANDS: dict[bytes, Pop3Command] = {
    b"CAPA": Pop3Command(Pop3Connection._capa, Pop3State.ANY),
    b"USER": Pop3Command(Pop3Connection._user, Pop3State.BEFORE_LOGIN, most=None),
    b"PASS": Pop3Command(Pop3Connection._pass, Pop3State.BEFORE_LOGIN, most=None),
    b"APOP": Pop3Command(Pop3Connection._apop, Pop3State.BEFORE_LOGIN, most=None),
    b"AUTH": Pop3Command(Pop3Connection._auth, Pop3State.BEFORE_LOGIN, most=2),
    b"STLS": Pop3Command(Pop3Connection._stls, Pop3State.BEFORE_LOGIN),
    b"STAT": Pop3Command(Pop3Connection._stat, Pop3State.AFTER_LOGIN),
    b"LIST": Pop3Command(Pop3Connection._list_sizes, Pop3State.AFTER_LOGIN, most=1),
    b"UIDL": Pop3Command(Pop3Connection._uidl, Pop3State.AFTER_LOGIN, most=1),
    b"RETR": Pop3Command(Pop3Connection._retr, Pop3State.AFTER_LOGIN, 1, 1),
    b"TOP": Pop3Command(Pop3Connection._top, Pop3State.AFTER_LOGIN, 2, 2),
    b"DELE": Pop3Command(Pop3Connection._dele, Pop3State.AFTER_LOGIN, 1, 1),
    b"RSET": Pop3Command(Pop3Connection._rset, Pop3State.AFTER_LOGIN),
    b"NOOP": Pop3Command(Pop3Connection._noop, Pop3State.AFTER_LOGIN),
    b"QUIT": Pop3Command(Pop3Connection._quit, Pop3State.ANY),
}
"""Every command by its name in capital letters."""
