"""What is stored for few accounts, ready to be checked once it has been asked for."""

from __future__ import annotations

from extauth.hashing import Hash, Packed, identify, pack_digest
from extauth.model import Decided


class Few(dict[str, Hash | Packed | Decided | None]):
    """Names to what is stored for them, which is read when it is first asked for; None to others.

    Several threads may ask: what has been read is put beside what is stored, and not in its place.
    """

    def __init__(self, stored: dict[str, bytes], default_scheme: str) -> None:
        super().__init__()
        self._stored = stored
        self._default_scheme = default_scheme

    def __missing__(self, name: str) -> Hash | Packed | Decided | None:
        stored = self._stored.get(name)
        if stored is None:
            return None
        found = self[name] = pack_digest(stored) or identify(stored, self._default_scheme)
        return found
