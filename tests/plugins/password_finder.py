"""A backend that looks for the passwords of settled requests in its worker.

`tests/running_process.py` runs `is_mark_reachable` in the other processes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FrameType

import msgspec

from extauth import Account, Backend, Secret, Settings, Verdict

_MARK = b"".join([b"marked", b"-", b"password"])  # joined: this module has no constant with the mark


class PasswordFinder(Backend[Settings]):
    """Returns OK, but for the password "find": PASSWORD_MISMATCH, if anything with the mark is reachable."""

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        if password.matches(b"find") and is_mark_reachable():
            return Verdict.PASSWORD_MISMATCH
        return Verdict.OK


def is_mark_reachable() -> bool:
    """Follow every reference from the objects that Python knows and from the variables of all threads."""
    variables = [dict(frame.f_locals) for frame in _frames()]  # first: those of this function show nothing
    gc.collect()
    seen: dict[int, object] = {id(_MARK): _MARK}  # by identity; what is here keeps its identity
    unseen: list[object] = [*gc.get_objects(), *variables]
    while unseen:
        found = unseen.pop()
        if id(found) in seen or found is unseen or found is seen:
            continue
        seen[id(found)] = found
        if isinstance(found, bytes | bytearray) and _MARK in found:
            return True
        if isinstance(found, str) and _MARK.decode() in found:
            return True
        unseen += gc.get_referents(found)
        if isinstance(found, msgspec.Struct):  # those without garbage collection have no referents
            unseen += [getattr(found, name) for name in found.__struct_fields__]
    return False


def _frames() -> Iterator[FrameType]:
    """Yield the calls that are under way in all threads."""
    for last in sys._current_frames().values():
        frame: FrameType | None = last
        while frame is not None:
            yield frame
            frame = frame.f_back
