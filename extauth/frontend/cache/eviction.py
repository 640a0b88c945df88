"""Which entries go where a table is full."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

_PART = 64


def first_of(table: Mapping[K, object], size: int) -> list[K]:
    """The keys that stand first, which are the oldest: at least one, and of `size` a part.

    Several, since to find the first one takes a dict the longer the more were there before it.
    """
    return list(itertools.islice(table, math.ceil(size / _PART)))
