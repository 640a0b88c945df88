"""The one place that catches whatever a backend's code raises."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from extauth.errors import BackendUnavailable, ConfigError, Fault

P = ParamSpec("P")
R = TypeVar("R")


def sealed(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a backend's code. What it may raise comes through; anything else, SystemExit too, becomes Fault."""
    try:
        return function(*args, **kwargs)
    except (BackendUnavailable, ConfigError, Fault):
        raise
    except BaseException as fault:  # noqa: BLE001  # a stranger's code: nothing it raises may end us or let somebody in
        raise Fault(_where(fault)) from None


def _where(fault: BaseException) -> str:
    """The kind of error and the place. Not its message: that may repeat a password."""
    frames = traceback.extract_tb(fault.__traceback__)
    last = frames[-1]
    return f"{type(fault).__name__} at {last.filename}, line {last.lineno}, in {last.name}"
