"""extauth: the program a CommuniGate Pro mail server asks "is this password right?".

Here is all that the author of a backend needs: see docs/backends.md.
"""

from extauth.backend import Backend, Site
from extauth.errors import BackendUnavailable, CannotTell, ConfigError, ExtauthError, UnsafeFile
from extauth.hashing import verify_hash
from extauth.mechanisms.credentials import CramMd5Context
from extauth.model import Account, Decided, Secret, Verdict
from extauth.settings import Settings
from extauth.steps import Steps, Wait

__all__ = [
    "Account",
    "Backend",
    "BackendUnavailable",
    "CannotTell",
    "ConfigError",
    "CramMd5Context",
    "Decided",
    "ExtauthError",
    "Secret",
    "Settings",
    "Site",
    "Steps",
    "UnsafeFile",
    "Verdict",
    "Wait",
    "verify_hash",
]
