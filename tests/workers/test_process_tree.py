"""Names and ends of processes, seen from outside."""

from __future__ import annotations

from pathlib import Path

from tests.helper import Helper, Site, wait_until


def _titles(helper: Helper) -> list[str]:
    processes = [helper.process.pid, *helper.descendants()]
    return sorted(Path(f"/proc/{process}/cmdline").read_text().strip("\0 ") for process in processes)


def test_each_process_has_its_title(site: Site) -> None:
    site.write("passwd", site.ACCOUNTS)
    site.configure(site.BASIC + "[helper]\nworkers = 2\n")
    helper = site.serve()
    helper.wait_for_information("serving")
    workers = ["extauth: worker 1", "extauth: worker 2", "extauth: worker 3"]
    titles = ["extauth: file watcher", "extauth: frontend", "extauth: status server", "extauth: supervisor", *workers]
    wait_until(lambda: _titles(helper) == titles, f"the titles {titles}")
