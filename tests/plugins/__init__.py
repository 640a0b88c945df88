"""A site's own backends, most of them bad ones, and the means to direct what they do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helper import Helper, Site, wait_until


def plugin(name: str) -> str:
    """The source of a file that lies here."""
    return (Path(__file__).parent / name).read_text()


class Stage:
    """A site where `obeys.py` serves example.com and a password file serves example.org."""

    def __init__(self, site: Site, gate: int) -> None:
        self.site = site
        self._gate = gate
        site.write("obeys.py", plugin("obeys.py"))
        site.write("passwd", "bob@example.org:{PLAIN}password\n")

    def serve(self, *, server: str = "workers = 1", more: str = "", **options: object) -> Helper:
        """Configure, and start a helper; it serves when this returns."""
        self.configure(server=server, more=more)
        helper = self.site.serve(**options)
        helper.wait_for_information("serving")
        return helper

    def configure(self, *, server: str = "workers = 1", more: str = "") -> None:
        """Write the configuration with these lines in `[helper]`, and `more` between the sections."""
        self.site.configure(f"""\
[helper]
{server}
{more}
[[backend]]
type = "obeys.py:Obeys"
name = "obeys"
domains = ["example.com"]
folder = "."
[[backend]]
type = "files"
domains = ["example.org"]
path = "passwd"
""")

    def release(self, count: int = 1) -> None:
        """Let this many of those that were told to wait go on."""
        os.write(self._gate, b"." * count)

    def processes(self, order: str) -> list[int]:
        """In which processes the backend was told `order`, each time that it was."""
        notes = self.site.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [int(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == order]

    def wait_for(self, order: str, count: int = 1) -> list[int]:
        """Wait until the backend has been told `order` so many times; in which processes."""
        wait_until(lambda: len(self.processes(order)) >= count, f"{order!r}, {count} times,")
        return self.processes(order)


@contextmanager
def set_stage(site: Site) -> Iterator[Stage]:
    """A stage, whose gate is there as long as this lasts."""
    os.mkfifo(site.folder / "gate")
    gate = os.open(site.folder / "gate", os.O_RDWR)
    try:
        yield Stage(site, gate)
    finally:
        os.close(gate)
