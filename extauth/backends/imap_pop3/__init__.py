"""A login at another mail server, by IMAP or POP3. Everything runs in the backend's event loop.

backend      the two backends: open a connection for each login, and try the password there
settings     the keys of the configuration
imap, pop3   the few commands of each protocol
answers      the answers to a login as verdicts
"""

from extauth.backends.imap_pop3.backend import Imap, Pop3

__all__ = ["Imap", "Pop3"]
