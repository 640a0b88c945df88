"""Requests do not go along into the processes that are forked from the frontend.

A fork copies the whole memory of the frontend, also requests that wait and lines that were read in part. The supervisor
and its workers would keep their passwords as long as they live, and backends run in the workers.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class RequestHolder(Protocol):
    """An object that holds requests or replies."""

    def forget(self) -> None:
        """Release them. It is called in the forked process, which does not use this object."""


_holders: weakref.WeakSet[RequestHolder] = weakref.WeakSet()


def forget_in_children(holder: RequestHolder) -> None:
    """Call `holder.forget()` in each process that is forked from this one, as long as the object exists here."""
    _holders.add(holder)


def _forget_all() -> None:
    for holder in _holders:
        holder.forget()


os.register_at_fork(after_in_child=_forget_all)
