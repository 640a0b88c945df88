"""A verdict that is kept."""

from __future__ import annotations

import msgspec

from extauth.frontend.cache.keyed import Digest
from extauth.model import VerdictResult


class CachedVerdict(msgspec.Struct):
    """A verdict on what `digest` stands for, and until when it counts (monotonic seconds); 0: no more.

    `account` is the number that stands for the account of an accepted password.
    """

    digest: Digest
    decision: VerdictResult
    until: float
    account: int | None = None
