"""A site whose status sockets are in its own folder, and the commands that ask its helpers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.helper import Helper, Site, stop_process, wait_until

PASSWORDS = "alice@example.com:{PLAIN}open sesame\nbob@example.com:{PLAIN}password\n"
OK = b"1 VRFY alice@example.com open sesame"
WRONG = b"2 VRFY alice@example.com tell-tale"


def configure(site: Site, helper: str = "", sections: str = "", backends: str = "") -> None:
    """Write a configuration with one worker and a password file."""
    site.write("passwd", PASSWORDS)
    files = '[[backend]]\ntype = "files"\npath = "passwd"\n'
    site.configure(f'[helper]\nworkers = 1\nrun_directory = "run"\n{helper}\n{sections}\n{backends or files}')


def serve(site: Site, **options: object) -> Helper:
    """Start a helper and wait until its status can be asked for."""
    helper = site.serve(**options)
    helper.wait_for_information("serving with")
    wait_until(lambda: socket_of(site, helper).exists(), "the status socket")
    return helper


def socket_of(site: Site, helper: Helper) -> Path:
    """Return the status socket of a helper."""
    return site.folder / "run" / f"{helper.process.pid}.sock"


def command(site: Site, name: str, *arguments: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command with the site's configuration."""
    return site.run(name, "-c", str(site.config), *arguments, input=input)


def statuses(site: Site, *arguments: str) -> list[dict[str, Any]]:
    """Return the status of each helper."""
    found: list[dict[str, Any]] = json.loads(command(site, "status", "--json", *arguments).stdout)["helpers"]
    return found


def status(site: Site) -> dict[str, Any]:
    """Return the status of the only helper."""
    (found,) = statuses(site)
    return found


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Let a process hang inside the block."""
    stop_process(process)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was killed
            os.kill(process, signal.SIGCONT)


def status_server(helper: Helper) -> int:
    """Return the process id of a helper's status server."""
    found: list[int] = []

    def has_come() -> bool:
        found[:] = helper.processes("status server")
        return len(found) == 1

    wait_until(has_come, "a status server")
    return found[0]
