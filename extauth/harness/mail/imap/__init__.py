"""IMAP4rev1 (RFC 3501) on a stream. docs/mail-server-commands.md has a table of the commands.

commands          the table of all commands, and how one is run
connection        reading commands with their literals, and the state of a connection
login_commands    the commands before the login
mailbox_commands  the commands for mailboxes
message_commands  the commands for the messages of the selected mailbox
selected          the selected mailbox: message numbers, and what the client must be told
fetch             which data a client wants of a message
search            which messages a client looks for
structure         ENVELOPE and BODYSTRUCTURE
parts             the MIME parts of a message
parser            reads arguments
numbers           sets of message numbers
replies           the values of replies, BAD and NO
"""

from extauth.harness.mail.imap.commands import serve_imap

__all__ = ["serve_imap"]
