"""What a backend's class must keep to. What it breaks is said at the start, not at the first login."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from extauth.backends.base import Backend
from extauth.config import BackendSection
from extauth.errors import ConfigError
from extauth.settings import Settings

_REQUEST_METHODS = ("verify_password", "lookup_secret", "knows_account")
_ARGUMENTS = {
    "__init__": ("settings", "context"),
    "load": (),
    "self_test": (),
    "usable_mechanisms": (),
    "open": (),
    "close": (),
    "on_idle": (),
    "verify_password": ("account", "password"),
    "lookup_secret": ("account",),
    "knows_account": ("account",),
    "is_fast": ("account",),
}
"""The methods that extauth calls, and with what. It passes all of them by position."""

_IS_COROUTINE = 0x80  # CO_COROUTINE of the module inspect: a flag of code that `async def` has

_NEVER_ASYNC = ("__init__", "load", "usable_mechanisms", "on_idle", "is_fast")


def is_async(cls: type[Backend[Any]]) -> bool:
    """Return whether the class's requests run in an event loop."""
    return _is_coroutine_function(cls.verify_password)


def _is_coroutine_function(method: object) -> bool:
    if isinstance(method, FunctionType) and not vars(method):
        return bool(method.__code__.co_flags & _IS_COROUTINE)
    import inspect  # here: it is slow to import, and the built-in backends do not need it

    return inspect.iscoroutinefunction(method)


def check_class(cls: type[Backend[Any]], name: str) -> None:
    """Raise ConfigError if the class cannot be a backend. `name`: what the configuration calls it."""
    if cls.verify_password is Backend.verify_password:
        raise ConfigError(f"{name} has no method verify_password")
    for method, arguments in _ARGUMENTS.items():
        _check_method(getattr(cls, method), f"{name}.{method}", arguments)
    for method in _NEVER_ASYNC:
        if _is_coroutine_function(getattr(cls, method)):
            raise ConfigError(f"{name}.{method} is written with async def: write it with def")
    _check_kinds(cls, name)
    _check_settings(cls, name)


def _check_method(method: object, shown: str, arguments: tuple[str, ...]) -> None:
    call = ", ".join(("self", *arguments))
    if not callable(method):
        raise ConfigError(f"{shown} = {method!r}: must be a method with the arguments ({call})")
    import inspect

    try:
        inspect.signature(method).bind(*[None] * (1 + len(arguments)))
    except TypeError as error:
        raise ConfigError(f"{shown}: extauth calls it with the arguments ({call}): {error}") from None
    except ValueError:
        return  # a function in C that does not say what it takes


def _check_kinds(cls: type[Backend[Any]], name: str) -> None:
    """Check that all methods for requests are written with `def`, or all with `async def`."""
    own = [method for method in _REQUEST_METHODS if getattr(cls, method) is not getattr(Backend, method)]
    for method in own:
        if _is_coroutine_function(getattr(cls, method)) != is_async(cls):
            kinds = "async def", "def"
            kind, other = kinds if is_async(cls) else kinds[::-1]
            raise ConfigError(
                f"{name}.verify_password is written with {kind}, {method} with {other}: use {kind} for both"
            )
    if is_async(cls) and cls.is_fast is not Backend.is_fast:
        raise ConfigError(
            f"{name}.is_fast: is only for methods with def, and verify_password is written with async def"
        )


def _check_settings(cls: type[Backend[Any]], name: str) -> None:
    if not (isinstance(cls.Settings, type) and issubclass(cls.Settings, Settings)):
        raise ConfigError(f"{name}.Settings must be a subclass of extauth.Settings")
    taken = sorted(set(cls.Settings.__struct_fields__) & set(BackendSection.__struct_fields__))
    if taken:
        raise ConfigError(
            f"{name}.Settings.{taken[0]}: every [[backend]] section has a key of this name, so the field would never "
            "be filled; choose another name"
        )


def check_object(backend: Backend[Any]) -> None:
    """Raise ConfigError if the object lacks what `Backend.__init__` gives it, or an attribute has a wrong value."""
    name = type(backend).__name__
    if not {"settings", "context", "log", "seen_files"} <= set(vars(backend)):
        raise ConfigError(f"{name}.__init__ must call super().__init__(settings, context)")
    if type(backend.concurrency) is not int or backend.concurrency < 1:
        raise ConfigError(f"{name}.concurrency = {backend.concurrency!r}: must be a whole number, 1 or more")
    if type(backend.repeatable) is not bool:
        raise ConfigError(f"{name}.repeatable = {backend.repeatable!r}: must be True or False")
