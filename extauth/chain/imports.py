"""Which code may be imported: from where, and whether other users can write it or its bytecode."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from extauth.errors import UnsafeFile
from extauth.trust import check_trusted, other_writer
from extauth.trust.permissions import shown_user

_OUR_FOLDER = Path(__file__).parent.parent
_BYTECODE = "__pycache__"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def restrict_import_path() -> None:
    """Import nothing from the working directory or from PYTHONPATH: these are not set by who installs plugins.

    Call this once, at the start: the working directory may be removed later.
    """
    python_path = os.environ.get("PYTHONPATH")
    outside = set(map(_resolved, python_path.split(os.pathsep))) if python_path else set()
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", _working_directory()):
        outside.add(_resolved(sys.path[0]))
    allowed = [entry for entry in sys.path if os.path.isabs(entry)]  # noqa: PTH117  # an entry may be empty
    sys.path[:] = [entry for entry in allowed if _resolved(entry) not in outside - {_resolved(str(_OUR_FOLDER.parent))}]


def _resolved(entry: str) -> str:
    try:
        return os.path.realpath(entry)
    except FileNotFoundError:  # a relative entry, and the working directory is removed
        return entry


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # compared with an entry of sys.path, which is text
    except FileNotFoundError:
        return None


def check_imports(*, allow_unsafe: bool = False) -> None:
    """From now on, check modules from outside of the installation before they run, as plugins are checked.

    An import that other users can change raises UnsafeFile, unless `allow_unsafe`.
    """
    if not allow_unsafe and not any(isinstance(finder, _ImportCheck) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportCheck())


class _ImportCheck:
    """Finds modules as the other finders do, and checks them.

    The installation is what was on the import path below Python's own folders before a configuration added its folder.
    A configuration below them, for example in /usr/local, is not part of it.
    """

    def __init__(self) -> None:
        prefixes = [os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)]
        self._installation = [
            str(_OUR_FOLDER),
            str(Path(os.__file__).parent),  # the standard library
            *(entry for entry in sys.path if any(_is_below(os.path.realpath(entry), prefix) for prefix in prefixes)),
        ]

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return what the other finders find. Raise UnsafeFile if another user can change it."""
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)) is not None:
                if spec.has_location and spec.origin is not None and not self._is_installed(spec.origin):
                    check_module(spec)
                return spec
        return None

    def _is_installed(self, origin: str) -> bool:
        return any(_is_below(origin, folder) for folder in self._installation)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def check_module(spec: ModuleSpec) -> None:
    """Raise UnsafeFile if another user can write the file of a module or its bytecode. See `repair_bytecode`."""
    if not spec.has_location or spec.origin is None:
        return  # it has no file
    archive: str | None = getattr(spec.loader, "archive", None)  # a zip file
    check_trusted(Path(archive or spec.origin))
    if archive is not None or spec.cached is None:
        return
    cached = Path(spec.cached)
    if cached.parent.name == _BYTECODE and (repaired := repair_bytecode(cached.parent)):
        logging.getLogger(__name__).warning("%s", repaired)
    if cached.exists():
        check_trusted(cached)


def repair_own_bytecode() -> list[str]:
    """Repair the bytecode folders of extauth itself. Return what was changed. Raise UnsafeFile."""
    repaired = []
    for above, names, _ in os.walk(_OUR_FOLDER):
        if _BYTECODE in names:
            names.remove(_BYTECODE)  # os.walk does not go into it
            repaired.append(repair_bytecode(Path(above, _BYTECODE)))
    return list(filter(None, repaired))


def repair_bytecode(folder: Path) -> str:
    """Let no other user write to a folder with bytecode. Return a text for the log if anything was changed.

    Raise UnsafeFile if another user has put something there, since Python would run it. The owner of the folder above
    is not another user: that one could replace the source, too.
    """
    try:
        status = folder.stat()
    except FileNotFoundError:
        return ""
    ours = {0, os.geteuid(), folder.parent.stat().st_uid}
    mode = stat.S_IMODE(status.st_mode)
    writable = other_writer(folder, status) is not None
    if writable:
        try:
            folder.chmod(mode & ~_OTHERS_WRITE)  # also takes it from an ACL; first: nothing can be added later
        except OSError as error:
            raise UnsafeFile(
                f"{folder}: this folder is writable by other users (mode {mode:04o}), which cannot be repaired: "
                f"{error.strerror}; run: chmod go-w {folder}"
            ) from None
    for path, entry in [(folder, status), *_entries(folder)]:
        why = None
        if entry.st_uid not in ours:
            why = f"belongs to {shown_user(entry.st_uid)}"
        elif path != folder and stat.S_ISREG(entry.st_mode) and (writer := other_writer(path, entry)) is not None:
            why = f"is writable by {writer.who}"
        if why is not None:
            name = "." if path == folder else path.name
            raise UnsafeFile(
                f"{folder}: {name} in this folder (mode {mode:04o}) {why}, and Python would run it; run: rm -r {folder}"
            )
    return f"{folder}: was writable by other users (mode {mode:04o}); this is repaired" if writable else ""


def _entries(folder: Path) -> list[tuple[Path, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return [(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries]
    except PermissionError:  # then Python does not read them either
        return []
