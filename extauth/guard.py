"""The one place that catches whatever a backend's code raises."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from extauth.errors import BackendUnavailable, ConfigError, UnexpectedError

_OURS = f"{Path(__file__).parent}{os.sep}"

P = ParamSpec("P")
R = TypeVar("R")


def call_guarded(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a backend's code. What it may raise comes through; anything else, SystemExit too, becomes UnexpectedError."""
    try:
        return function(*args, **kwargs)
    except (BackendUnavailable, ConfigError, UnexpectedError):
        raise
    except BaseException as fault:  # noqa: BLE001  # a stranger's code: nothing it raises may end us or let somebody in
        raise UnexpectedError(_where(fault)) from None


def _where(fault: BaseException) -> str:
    """The kind of error and the last place in it that is not ours. Not its message: that may repeat a password."""
    import traceback  # here because it is large, and rarely needed

    frames = traceback.extract_tb(fault.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_OURS)]
    where = "".join(f" at {last.filename}, line {last.lineno}, in {last.name}" for last in (theirs or frames)[-1:])
    return f"{type(fault).__name__}{where}".encode(errors="backslashreplace").decode()
