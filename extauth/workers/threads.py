"""Threads that a worker cannot do without. If one of them failed alone, its requests would wait for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import ParamSpec

from extauth.guard import GuardedErrors, call_guarded

P = ParamSpec("P")

OnFailure = Callable[[str], None]
"""Logs why a thread, or a backend, has failed."""


def start_critical_thread(
    name: str, on_failure: OnFailure, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run `call_critical` in a thread of that name. Raise RuntimeError if the system has no more threads."""

    def run() -> None:
        call_critical(name, on_failure, function, *args, **kwargs)

    threading.Thread(target=run, name=name, daemon=True).start()


def call_critical(
    name: str, on_failure: OnFailure, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a function. If it raises an error, log it and end the process.

    The frontend then starts another worker, and replies to the requests that this one had.
    """
    try:
        call_guarded(function, *args, **kwargs)
    except GuardedErrors as error:
        try:
            on_failure(f"thread {name} failed: {error}; ending this worker")
        finally:
            os._exit(1)
