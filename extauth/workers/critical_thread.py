"""Threads that a worker cannot do without: when one of them fails, its requests would wait for nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import ParamSpec

from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError
from extauth.guard import call_guarded

P = ParamSpec("P")


def start_critical_thread(
    name: str, fails: Callable[[str], None], function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a function in a thread of that name, as `call_critical` does. Raises RuntimeError where there are no more."""

    def run() -> None:
        call_critical(name, fails, function, *args, **kwargs)

    threading.Thread(target=run, name=name, daemon=True).start()


def call_critical(
    name: str, fails: Callable[[str], None], function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a function. If it raises, `fails` is told where, and the process ends.

    Another worker takes its place then, and what this one had is answered at once.
    """
    try:
        call_guarded(function, *args, **kwargs)
    except (BackendUnavailable, ConfigError, UnexpectedError) as fault:
        try:
            fails(f"thread {name}: {fault}: ending this worker")
        finally:
            os._exit(1)
