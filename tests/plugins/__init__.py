"""Backends for tests, and the site that controls the scripted one.

scripted_backend      does what the password says
scripted_async        the same with async def
misbehaving_backend   returns wrong types, raises, and leaks passwords
fixed_result          always gives the result that its configuration names
unreliable_backend    hangs, crashes, raises or is unavailable for some accounts
bad_requests_backend  crashes, hangs or holds the interpreter lock for some passwords
memory_inspector      looks for data of the frontend in its own process
password_finder       looks for passwords of settled requests in its own process
pam_as_nobody         the PAM backend without root rights
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helper import Helper, Site, wait_until


def plugin(name: str) -> str:
    """Return the source of a file in this folder."""
    return (Path(__file__).parent / name).read_text()


def scripted_request(number: int, action: str) -> bytes:
    """Return a request whose password tells the scripted backend what to do."""
    return b"%d VRFY alice@example.com %s" % (number, action.encode())


def bobs_request(number: int) -> bytes:
    """Return a request that the password file answers with OK."""
    return b"%d VRFY bob@example.org password" % number


class ScriptedSite:
    """A site where the scripted backend serves example.com and a password file serves example.org."""

    def __init__(self, site: Site, gate: int) -> None:
        self.site = site
        self._gate = gate
        site.write("scripted_backend.py", plugin("scripted_backend.py"))
        site.write("passwd", "bob@example.org:{PLAIN}password\n")

    def serve(self, *, settings: str = "workers = 1", sections: str = "", **options: object) -> Helper:
        """Configure, start a helper, and wait until it serves."""
        self.configure(settings=settings, sections=sections)
        helper = self.site.serve(**options)
        helper.wait_for_information("serving")
        return helper

    def configure(self, *, settings: str = "workers = 1", sections: str = "") -> None:
        """Write the configuration: `settings` are lines of `[helper]`, `sections` are other sections."""
        self.site.configure(f"""\
[helper]
{settings}
{sections}
[[backend]]
type = "scripted_backend.py:ScriptedBackend"
name = "scripted"
domains = ["example.com"]
folder = "."
[[backend]]
type = "files"
domains = ["example.org"]
path = "passwd"
""")

    def release(self, count: int = 1) -> None:
        """Let this many waiting checks go on."""
        os.write(self._gate, b"." * count)

    def processes(self, action: str) -> list[int]:
        """Return the process of each check that began this action."""
        notes = self.site.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [int(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == action]

    def wait_for(self, action: str, count: int = 1) -> list[int]:
        """Wait until this many checks have begun this action. Return their processes."""
        wait_until(lambda: len(self.processes(action)) >= count, f"{action!r}, {count} times,")
        return self.processes(action)


@contextmanager
def scripted_site(site: Site) -> Iterator[ScriptedSite]:
    """Make a scripted site. Its FIFO `gate` is open inside the block."""
    os.mkfifo(site.folder / "gate")
    gate = os.open(site.folder / "gate", os.O_RDWR)
    try:
        yield ScriptedSite(site, gate)
    finally:
        os.close(gate)
