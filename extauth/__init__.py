"""extauth: the program a CommuniGate Pro mail server asks "is this password right?".

Here is all that the author of a backend needs: see docs/backends.md. A name is imported when it is first used, so that
the help of the command line is quick.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extauth.backends.base import Backend
    from extauth.backends.context import BackendContext
    from extauth.errors import BackendUnavailable, ConfigError, ExtauthError, TemporaryFailure, UnsafeFile
    from extauth.mechanisms import CramMd5Context
    from extauth.model import Account, KnownAccount, Secret, Verdict, VerdictResult
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
    "KnownAccount",
    "Secret",
    "Settings",
    "TemporaryFailure",
    "UnsafeFile",
    "Verdict",
    "VerdictResult",
    "verify_hash",
    "verify_hash_async",
]

_MODULES = {
    "extauth.backends.base": ["Backend"],
    "extauth.backends.context": ["BackendContext"],
    "extauth.errors": ["BackendUnavailable", "ConfigError", "ExtauthError", "TemporaryFailure", "UnsafeFile"],
    "extauth.mechanisms": ["CramMd5Context"],
    "extauth.model": ["Account", "KnownAccount", "Secret", "Verdict", "VerdictResult"],
    "extauth.passwords": ["verify_hash", "verify_hash_async"],
    "extauth.settings": ["Settings"],
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
