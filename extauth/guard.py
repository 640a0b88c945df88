"""The one place that catches every error of a backend's code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from extauth.errors import ConfigError, TemporaryFailure, UnexpectedError

_OUR_FOLDER = f"{Path(__file__).parent}{os.sep}"
_STANDARD_LIBRARY = f"{Path(os.__file__).parent}{os.sep}"

P = ParamSpec("P")
R = TypeVar("R")

GuardedErrors = (TemporaryFailure, ConfigError, UnexpectedError)
"""What `call_guarded` raises, and nothing else."""


def call_guarded(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a backend's code. Raise only `GuardedErrors`: every other error, SystemExit too, becomes UnexpectedError."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001  # foreign code: no error of it may end this process or let a user in
        raise guarded(error) from None


async def await_guarded(awaitable: Awaitable[R]) -> R:
    """Do the same as `call_guarded` for what an event loop runs. A task that is cancelled raises UnexpectedError."""
    try:
        return await awaitable
    except BaseException as error:  # noqa: BLE001  # as above; the loop would end at a SystemExit
        raise guarded(error) from None


def guarded(error: BaseException) -> TemporaryFailure | ConfigError | UnexpectedError:
    """Return an error of a backend's code as one of `GuardedErrors`."""
    if isinstance(error, GuardedErrors):
        return error
    unexpected = UnexpectedError(_place_of(error))
    unexpected.__context__ = error  # `extauth verify --debug` shows it
    return unexpected


def error_text(error: BaseException) -> str:
    """Return the message of an error. A foreign error may have a `__str__` that fails."""
    try:
        return call_guarded(str, error)
    except GuardedErrors as failure:
        return str(failure)


def _place_of(error: BaseException) -> str:
    """Return the type of an error and its last place outside of extauth. The message is left out: it may be secret."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]  # reads no file
    foreign = [(code, line) for code, line in frames if not code.co_filename.startswith(_OUR_FOLDER)]
    last = (foreign or frames)[-1:]
    place = "".join(f" at {code.co_filename}, line {line}, in {code.co_name}" for code, line in last)
    return f"{type(error).__name__}{place}".encode(errors="backslashreplace").decode()


def _is_library(file: str) -> bool:
    """Return whether a file belongs to extauth or to the standard library."""
    if file.startswith((_OUR_FOLDER, "<")):
        return True
    return file.startswith(_STANDARD_LIBRARY) and "-packages" not in file.removeprefix(_STANDARD_LIBRARY)


def place_of_thread(ident: int) -> str:
    """Return where a thread is at this moment: file, line and function, in a site's own code if it is there."""
    frames = []
    frame = sys._current_frames().get(ident)
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return _innermost_place(frames)


def place_of_coroutine(coroutine: Any) -> str:
    """Return where a coroutine waits, in the same form."""
    frames = []
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        frames.append(frame)
        coroutine = coroutine.cr_await
    return _innermost_place(frames[::-1])


def _innermost_place(frames: list[FrameType]) -> str:
    """Return the place of the first of these frames that is a site's own code, or else of the first one."""
    for frame in [frame for frame in frames if not _is_library(frame.f_code.co_filename)] or frames:
        return f"{frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name}"
    return "an unknown place"
