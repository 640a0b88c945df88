"""The table of all commands, and how one is run."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable

import msgspec

from extauth.harness.mail.folders import FolderError
from extauth.harness.mail.imap import login_commands, mailbox_commands, message_commands
from extauth.harness.mail.imap.connection import MAX_LINE, ImapConnection, LiteralTooLong
from extauth.harness.mail.imap.errors import Bad, No
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.mailbox import MailboxFull
from extauth.harness.mail.session import MailSession, open_mailbox
from extauth.harness.mail.stream import LineTooLong, Stream


class When(enum.Enum):
    """When a command is possible."""

    ALWAYS = "always"
    BEFORE_LOGIN = "before the login"
    AFTER_LOGIN = "after the login"
    SELECTED = "after SELECT or EXAMINE"


class Command(msgspec.Struct, frozen=True):
    """A command.

    run: returns the response code for the reply, such as `READ-ONLY`, or nothing
    keeps_numbers: its replies have message numbers, so those stay as they are (RFC 3501, section 7.4.1)
    """

    run: Callable[[ImapConnection, Parser], Awaitable[str]]
    when: When
    keeps_numbers: bool = False


COMMANDS: dict[bytes, Command] = {
    b"CAPABILITY": Command(login_commands.capability, When.ALWAYS),
    b"NOOP": Command(login_commands.noop, When.ALWAYS),
    b"LOGOUT": Command(login_commands.logout, When.ALWAYS),
    b"ID": Command(login_commands.identify, When.ALWAYS),
    b"STARTTLS": Command(login_commands.start_tls, When.BEFORE_LOGIN),
    b"LOGIN": Command(login_commands.login, When.BEFORE_LOGIN),
    b"AUTHENTICATE": Command(login_commands.authenticate, When.BEFORE_LOGIN),
    b"SELECT": Command(mailbox_commands.select, When.AFTER_LOGIN),
    b"EXAMINE": Command(mailbox_commands.examine, When.AFTER_LOGIN),
    b"CREATE": Command(mailbox_commands.create, When.AFTER_LOGIN),
    b"DELETE": Command(mailbox_commands.delete, When.AFTER_LOGIN),
    b"RENAME": Command(mailbox_commands.rename, When.AFTER_LOGIN),
    b"SUBSCRIBE": Command(mailbox_commands.subscribe, When.AFTER_LOGIN),
    b"UNSUBSCRIBE": Command(mailbox_commands.unsubscribe, When.AFTER_LOGIN),
    b"LIST": Command(mailbox_commands.list_mailboxes, When.AFTER_LOGIN),
    b"LSUB": Command(mailbox_commands.list_subscribed, When.AFTER_LOGIN),
    b"NAMESPACE": Command(mailbox_commands.namespace, When.AFTER_LOGIN),
    b"STATUS": Command(mailbox_commands.status, When.AFTER_LOGIN),
    b"APPEND": Command(mailbox_commands.append, When.AFTER_LOGIN),
    b"IDLE": Command(message_commands.idle, When.AFTER_LOGIN),
    b"CHECK": Command(message_commands.check, When.SELECTED),
    b"CLOSE": Command(message_commands.close, When.SELECTED),
    b"UNSELECT": Command(message_commands.unselect, When.SELECTED),
    b"EXPUNGE": Command(message_commands.expunge, When.SELECTED),
    b"SEARCH": Command(message_commands.search, When.SELECTED, keeps_numbers=True),
    b"FETCH": Command(message_commands.fetch, When.SELECTED, keeps_numbers=True),
    b"STORE": Command(message_commands.store, When.SELECTED, keeps_numbers=True),
    b"COPY": Command(message_commands.copy, When.SELECTED),
    b"MOVE": Command(message_commands.move, When.SELECTED),
    b"UID": Command(message_commands.by_uid, When.SELECTED),
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
        When.ALWAYS: True,
        When.BEFORE_LOGIN: connection.login is None,
        When.AFTER_LOGIN: connection.login is not None,
        When.SELECTED: connection.selected is not None,
    }
    if not possible[command.when]:
        raise Bad(f"possible only {command.when.value}")
    try:
        return await command.run(connection, parser)
    finally:
        connection.write_updates(expunges=not command.keeps_numbers)
