"""The `type` of a backend to its class.

It is a built-in name, the name of an entry point of an installed package, `package.module:Class` or
`path/to/file.py:Class`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from extauth.backends.base import Backend
from extauth.chain.backend_rules import check_class
from extauth.chain.imports import check_module
from extauth.errors import ConfigError, UnexpectedError
from extauth.guard import call_guarded
from extauth.trust import read_trusted, reason_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN = {
    "files": "extauth.backends.files:Files",
    "imap": "extauth.backends.imap_pop3:Imap",
    "ldap": "extauth.backends.ldap:Ldap",
    "pam": "extauth.backends.pam:Pam",
    "pop3": "extauth.backends.imap_pop3:Pop3",
}

_OTHER_NAMES = dict.fromkeys(("htpasswd", "passwd", "file", "plain", "text"), 'type = "files"')
_OTHER_NAMES |= dict.fromkeys(("dovecot", "passwd-file", "passwdfile"), 'type = "files" with format = "dovecot"')
_OTHER_NAMES |= dict.fromkeys(("ad", "active-directory", "activedirectory", "ldaps", "openldap"), 'type = "ldap"')
_OTHER_NAMES |= dict.fromkeys(("system", "unix", "os", "saslauthd"), 'type = "pam"')
_OTHER_NAMES |= dict.fromkeys(("imaps", "imap4"), 'type = "imap"') | dict.fromkeys(("pop", "pop3s"), 'type = "pop3"')
_OTHER_NAMES["shadow"] = 'type = "files" with format = "shadow"'

_GROUP = "extauth.backends"


def installed_backends() -> dict[str, EntryPoint]:
    """Return the entry points of installed packages that offer backends, by their type."""
    from importlib.metadata import entry_points  # here because built-in types do not need it

    found = {entry.name: entry for entry in entry_points(group=_GROUP)}
    return {name: found[name] for name in sorted(found) if name not in BUILT_IN}


def backend_class(type_name: str, folder: Path, *, allow_unsafe: bool = False) -> type[Backend[Any]]:
    """Return the class for `type_name`. Paths are relative to `folder`, the configuration file's folder.

    Raise ConfigError, without file and key, if there is no such class, it does not import, or it is not a Backend.
    """
    target = BUILT_IN.get(type_name, type_name)
    if ":" not in target and (entry := installed_backends().get(type_name)) is not None:
        target = entry.value
    module_name, colon, class_name = target.rpartition(":")
    if not colon or not module_name or not class_name:
        import difflib  # here because it is rarely needed

        close = difflib.get_close_matches(type_name.lower(), BUILT_IN, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        if usual := _OTHER_NAMES.get(type_name.lower()):
            hint = f"did you mean {usual}? "
        raise ConfigError(
            f"unknown backend; {hint}built in: {', '.join(sorted(BUILT_IN))}; installed ones: extauth backends; "
            "your own: path/to/file.py:Class or package.module:Class"
        )
    try:
        if module_name.endswith(".py"):
            module = call_guarded(_module_of_file, folder / module_name, allow_unsafe)
        else:
            module = call_guarded(_module_of_package, module_name, folder, allow_unsafe or type_name in BUILT_IN)
    except UnexpectedError as error:
        raise ConfigError(f"does not import: {error}") from None
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Backend)):
        offered = sorted(
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, Backend) and value is not Backend
        )
        raise ConfigError(f"{module_name} has no backend {class_name}; it has: {', '.join(offered) or 'no backend'}")
    if type_name not in BUILT_IN:
        check_class(found, class_name)
    return found


def _module_of_file(path: Path, allow_unsafe: bool) -> ModuleType:
    try:
        source = read_trusted(path, allow_unsafe=allow_unsafe).data
    except OSError as error:
        raise ConfigError(f"{path}: {reason_of(error, path)}") from None
    module = ModuleType(f"extauth_site:{path}")  # no other module has such a name
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # the types of its settings are looked up there
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))  # noqa: S102  # a plugin is there to be run
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}") from None
    except ImportError as error:
        raise ConfigError(f"{path}: {error.msg}") from None
    return module


def _module_of_package(name: str, folder: Path, allow_unsafe: bool) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        dotted = ".".join(parts[:depth])
        try:
            spec = importlib.util.find_spec(dotted)
            if spec is None:
                raise ConfigError(f"no module {dotted} in the installation or in {folder}")
            if not allow_unsafe:
                check_module(spec)
            module = importlib.import_module(dotted)
        except ImportError as error:
            raise ConfigError(f"{dotted}: {error.msg}") from None
    return module
