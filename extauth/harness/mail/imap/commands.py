"""The table of all commands, and how one is run."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable

import msgspec

from extauth.harness.mail.folders import FolderError
from extauth.harness.mail.imap import login_commands, mailbox_commands, message_commands
from extauth.harness.mail.imap.connection import MAX_LINE, ImapConnection, LiteralTooLong
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.replies import Bad, No
from extauth.harness.mail.mailbox import MailboxFull
from extauth.harness.mail.session import MailSession, open_mailbox
from extauth.harness.mail.stream import LineTooLong, Stream


class ImapState(enum.Enum):
    """The state of a connection in which a command is possible (RFC 3501, section 3)."""

    ANY = "any state"
    BEFORE_LOGIN = "before the login"
    AFTER_LOGIN = "after the login"
    SELECTED = "after SELECT or EXAMINE"


class ImapCommand(msgspec.Struct, frozen=True):
    """A command.

    run: returns the response code for the reply, such as `READ-ONLY`, or nothing
    keeps_numbers: its replies have message numbers, so those stay as they are (RFC 3501, section 7.4.1)
    """

    run: Callable[[ImapConnection, Parser], Awaitable[str]]
    state: ImapState
    keeps_numbers: bool = False


COMMANDS: dict[bytes, ImapCommand] = {
    b"CAPABILITY": ImapCommand(login_commands.capability, ImapState.ANY),
    b"NOOP": ImapCommand(login_commands.noop, ImapState.ANY),
    b"LOGOUT": ImapCommand(login_commands.logout, ImapState.ANY),
    b"ID": ImapCommand(login_commands.identify, ImapState.ANY),
    b"STARTTLS": ImapCommand(login_commands.start_tls, ImapState.BEFORE_LOGIN),
    b"LOGIN": ImapCommand(login_commands.login, ImapState.BEFORE_LOGIN),
    b"AUTHENTICATE": ImapCommand(login_commands.authenticate, ImapState.BEFORE_LOGIN),
    b"SELECT": ImapCommand(mailbox_commands.select, ImapState.AFTER_LOGIN),
    b"EXAMINE": ImapCommand(mailbox_commands.examine, ImapState.AFTER_LOGIN),
    b"CREATE": ImapCommand(mailbox_commands.create, ImapState.AFTER_LOGIN),
    b"DELETE": ImapCommand(mailbox_commands.delete, ImapState.AFTER_LOGIN),
    b"RENAME": ImapCommand(mailbox_commands.rename, ImapState.AFTER_LOGIN),
    b"SUBSCRIBE": ImapCommand(mailbox_commands.subscribe, ImapState.AFTER_LOGIN),
    b"UNSUBSCRIBE": ImapCommand(mailbox_commands.unsubscribe, ImapState.AFTER_LOGIN),
    b"LIST": ImapCommand(mailbox_commands.list_mailboxes, ImapState.AFTER_LOGIN),
    b"LSUB": ImapCommand(mailbox_commands.list_subscribed, ImapState.AFTER_LOGIN),
    b"NAMESPACE": ImapCommand(mailbox_commands.namespace, ImapState.AFTER_LOGIN),
    b"STATUS": ImapCommand(mailbox_commands.status, ImapState.AFTER_LOGIN),
    b"APPEND": ImapCommand(mailbox_commands.append, ImapState.AFTER_LOGIN),
    b"IDLE": ImapCommand(message_commands.idle, ImapState.AFTER_LOGIN),
    b"CHECK": ImapCommand(message_commands.check, ImapState.SELECTED),
    b"CLOSE": ImapCommand(message_commands.close, ImapState.SELECTED),
    b"UNSELECT": ImapCommand(message_commands.unselect, ImapState.SELECTED),
    b"EXPUNGE": ImapCommand(message_commands.expunge, ImapState.SELECTED),
    b"SEARCH": ImapCommand(message_commands.search, ImapState.SELECTED, keeps_numbers=True),
    b"FETCH": ImapCommand(message_commands.fetch, ImapState.SELECTED, keeps_numbers=True),
    b"STORE": ImapCommand(message_commands.store, ImapState.SELECTED, keeps_numbers=True),
    b"COPY": ImapCommand(message_commands.copy, ImapState.SELECTED),
    b"MOVE": ImapCommand(message_commands.move, ImapState.SELECTED),
    b"UID": ImapCommand(message_commands.by_uid, ImapState.SELECTED),
}
"""Every command by its name in capital letters."""


async def serve_imap(session: MailSession, stream: Stream) -> None:
    """Serve one connection."""
    connection = ImapConnection(session, stream)
    login_commands.greet(connection)
    while connection.login is None and not connection.ended:
        await _run_next(connection)
    if connection.login is not None:
        with open_mailbox(connection.login):
            while not connection.ended:
                await _run_next(connection)


async def _run_next(connection: ImapConnection) -> None:
    """Read a command, run it, and reply."""
    tag, name = b"*", b""
    try:
        parser = Parser(await connection.read_command())
        tag, name = parser.tag_and_command()
        code = await _run(connection, name, parser)
        reply = b"OK %b%b completed" % (f"[{code}] ".encode() if code else b"", name)
    except Bad as error:
        reply = f"BAD {error}".encode()
    except (No, FolderError) as error:
        reply = f"NO {error}".encode()
    except MailboxFull as error:
        reply = f"NO [OVERQUOTA] {error}".encode()
    except LineTooLong:
        connection.log_problem(f"a line has more than {MAX_LINE} bytes: ignored")
        reply = b"BAD the line is too long"
    except LiteralTooLong as error:
        connection.log_problem(f"{error}: refused")
        tag, reply = error.tag, b"NO [TOOBIG] the literal is too long"
        if error.sent_anyway:
            connection.untagged(b"BYE [TOOBIG] the literal is too long")
            connection.end()
            return
    connection.send(tag + b" " + reply)
    if name == b"STARTTLS" and reply.startswith(b"OK"):
        await connection.stream.start_tls()


async def _run(connection: ImapConnection, name: bytes, parser: Parser) -> str:
    """Run a command. Return the response code for its reply, or nothing. Raises Bad, No, FolderError, MailboxFull."""
    command = COMMANDS.get(name)
    if command is None:
        raise Bad("unknown command")
    possible = {
        ImapState.ANY: True,
        ImapState.BEFORE_LOGIN: connection.login is None,
        ImapState.AFTER_LOGIN: connection.login is not None,
        ImapState.SELECTED: connection.selected is not None,
    }
    if not possible[command.state]:
        raise Bad(f"possible only {command.state.value}")
    try:
        return await command.run(connection, parser)
    finally:
        connection.write_updates(expunges=not command.keeps_numbers)
