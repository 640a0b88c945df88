"""extauth: the program a CommuniGate Pro mail server asks "is this password right?".

Here is all that the author of a backend needs: see docs/backends.md.
"""

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.errors import BackendUnavailable, ConfigError, ExtauthError, TemporaryFailure, UnsafeFile
from extauth.mechanisms.credentials import CramMd5Context
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.passwords import verify_hash, verify_hash_async
from extauth.settings import Settings

__all__ = [
    "Account",
    "Backend",
    "BackendContext",
    "BackendUnavailable",
    "ConfigError",
    "CramMd5Context",
    "ExtauthError",
    "Secret",
    "Settings",
    "TemporaryFailure",
    "UnsafeFile",
    "Verdict",
    "VerdictResult",
    "verify_hash",
    "verify_hash_async",
]
