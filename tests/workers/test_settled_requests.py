"""What a worker still holds of requests that have their replies: no password, not even in a timer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helper import Site, wait_until
from tests.plugins import plugin

_LONG_PASSWORD = b"x" * 60_000
_PAGE_SIZE = 4096


@pytest.mark.parametrize("setting", ["", "timeout = 14"])
def test_a_worker_lets_passwords_go_with_their_requests(site: Site, setting: str) -> None:
    site.write("password_finder.py", plugin("password_finder.py"))
    site.configure(f'[helper]\nworkers = 1\n[[backend]]\ntype = "password_finder.py:PasswordFinder"\n{setting}\n')
    helper = site.serve()
    helper.send(*(b"%d VRFY user%d@example.com marked-password-%d" % (each, each, each) for each in range(200)))
    assert {reply.partition(b" ")[2] for reply in helper.wait_for_replies(200)} == {b"OK"}
    helper.replies.clear()
    wait_until(lambda: helper.ask(b"find VRFY finder@example.com find") == b"OK", "the end of the passwords")
    assert helper.end() == 0


def test_a_timeout_keeps_no_password_in_memory(site: Site) -> None:
    site.write("password_finder.py", plugin("password_finder.py"))
    site.configure('[helper]\nworkers = 1\n[[backend]]\ntype = "password_finder.py:PasswordFinder"\ntimeout = 14\n')
    helper = site.serve()
    assert helper.ask(b"0 VRFY first@example.com x") == b"OK"
    workers = helper.processes("worker")
    before = sum(map(_resident, workers))
    for number in range(2000):
        assert helper.ask(b"%d VRFY user@example.com %s" % (number, _LONG_PASSWORD)) == b"OK"
    assert sum(map(_resident, workers)) - before < 60 * 2**20  # all passwords together have 120 MB
    assert helper.end() == 0


def _resident(process: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_SIZE
