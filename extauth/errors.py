"""What can go wrong, as types.

    ExtauthError
    ├── ConfigError          a setting, a plugin or a file is not as it must be: refuse to start, or keep what was
    │   └── UnsafeFile       somebody else could have written this file
    ├── BackendUnavailable   a backend cannot tell at the moment: an outage, never a wrong password
    ├── TemporaryFailure           a backend has no way to tell, though nothing is out of reach
    ├── UnexpectedError                a bug: some code, a backend's most likely, raised what nobody expected of it
    └── MalformedRequest     a line from the server that breaks the protocol

"No" is not an error: it is a `Verdict`. No message of these may hold a password.
"""

from __future__ import annotations


class ExtauthError(Exception):
    """Base of every error that extauth raises on purpose."""


class ConfigError(ExtauthError):
    """The configuration cannot be served (docs/protocol.md, section 5).

    The message names the file, the key, the value and what would be right.
    """


class UnsafeFile(ConfigError):
    """A configuration, plugin or password file could have been written by somebody who must not."""


class BackendUnavailable(ExtauthError):
    """A backend cannot tell now: its directory, database or file is out of reach.

    The server is answered "temporary" (docs/protocol.md, section 4). The message goes into the log.
    """


class TemporaryFailure(ExtauthError):
    """A backend has no way to be sure, though it could be asked. Answered as an outage is, but no outage."""


class UnexpectedError(ExtauthError):
    """Some code, a backend's most likely, raised what nobody expected of it, or returned what is no verdict.

    Answered "temporary"; the message says where, and repeats nothing that the code said.
    """


class MalformedRequest(ExtauthError):
    """A request whose fields are missing, empty or badly quoted (docs/protocol.md, section 3)."""
