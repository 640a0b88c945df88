"""The commands before the login, and those that are always possible (RFC 3501, sections 6.1 and 6.2)."""

from __future__ import annotations

from extauth.harness.mail.imap.connection import ImapConnection
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.replies import Bad, No
from extauth.harness.mail.mechanisms import MECHANISMS, Claim, PasswordClaim
from extauth.harness.mail.sasl import SaslError, sasl_claim
from extauth.harness.mail.session import LoginFailure, LoginRecord
from extauth.model import Secret

_SERVER = "CommuniGate Pro IMAP Server"
_VERSION = "6.0.5"
_EXTENSIONS = "LITERAL+ ID IDLE NAMESPACE UNSELECT UIDPLUS MOVE CHILDREN"


def greet(connection: ImapConnection) -> None:
    """Send the greeting."""
    text = f"{_SERVER} {_VERSION} at {connection.session.local_domain} ready"
    connection.untagged(f"OK [{capabilities(connection)}] {text}".encode())


def capabilities(connection: ImapConnection) -> str:
    """Return the extensions and mechanisms. LOGINDISABLED means that no account accepts the command LOGIN."""
    session = connection.session
    words = ["CAPABILITY IMAP4rev1", _EXTENSIONS]
    if connection.login is None:
        words.append("SASL-IR")
        words += [f"AUTH={name.decode()}" for name in session.offered]
        if session.may_start_tls:
            words.append("STARTTLS")
        if not session.clear_text_allowed:
            words.append("LOGINDISABLED")
    return " ".join(words)


async def capability(connection: ImapConnection, parser: Parser) -> str:
    """List the extensions and mechanisms."""
    parser.end()
    connection.untagged(capabilities(connection).encode())
    return ""


async def noop(connection: ImapConnection, parser: Parser) -> str:
    """Do nothing. As after each command, the client is told of changes."""
    parser.end()
    return ""


async def logout(connection: ImapConnection, parser: Parser) -> str:
    """End the connection."""
    parser.end()
    connection.untagged(f"BYE {_SERVER} closing the connection".encode())
    connection.end()
    return ""


async def identify(connection: ImapConnection, parser: Parser) -> str:
    """Tell the name of the mail server (RFC 2971)."""
    parser.space()
    if not parser.accept(b"NIL"):
        parser.expect(b"(")
        first = True
        while not parser.accept(b")"):
            if not first:
                parser.space()
            first = False
            parser.string()
            parser.space()
            parser.nstring()
    parser.end()
    connection.untagged(b'ID ("name" "CommuniGate Pro")')
    return ""


async def start_tls(connection: ImapConnection, parser: Parser) -> str:
    """Start TLS. The reply goes out before it."""
    parser.end()
    if not connection.session.may_start_tls:
        raise Bad("TLS is already active" if connection.session.over_tls else "this domain has no TLS")
    return ""


async def login(connection: ImapConnection, parser: Parser) -> str:
    """Log in with a name and a password."""
    parser.space()
    name = parser.astring()
    parser.space()
    password = parser.astring()
    parser.end()
    return await _log_in(connection, PasswordClaim("LOGIN command", name, Secret(password)))


async def authenticate(connection: ImapConnection, parser: Parser) -> str:
    """Log in by SASL, with or without an initial response (RFC 4959)."""
    parser.space()
    mechanism = parser.atom()
    initial = b""
    if not parser.at_end:
        parser.space()
        initial = parser.rest()
    if mechanism not in MECHANISMS:
        raise No("unknown mechanism")
    try:
        claim = await sasl_claim(connection.stream, "IMAP", mechanism, initial, b"+")
    except SaslError as error:
        raise Bad(str(error)) from None
    return await _log_in(connection, claim)


async def _log_in(connection: ImapConnection, claim: Claim) -> str:
    match await connection.session.log_in(claim):
        case LoginRecord() as record:
            connection.begin(record)
            return ""
        case LoginFailure.UNAVAILABLE:
            raise No("temporary failure; try again later", "UNAVAILABLE")
        case LoginFailure.NEEDS_TLS:
            raise No("send STARTTLS first, or use CRAM-MD5", "PRIVACYREQUIRED")
        case _:
            raise No("incorrect password or unknown account", "AUTHENTICATIONFAILED")
