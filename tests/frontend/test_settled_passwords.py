"""What the running processes still hold of requests that have their replies: no password.

gdb runs `plugins/password_finder.py` inside each process while it is at rest. It follows every reference, so it finds
each password that the program could still use. Bytes in freed memory do not count: no program can use them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helper import Helper, Site, send_sighup, wait_until
from tests.needs import needs_tracing
from tests.plugins import ScriptedSite
from tests.running_process import holds_marked_password

pytestmark = needs_tracing

WRONG = b"ERROR incorrect password"


def holders(helper: Helper, folder: Path) -> list[int]:
    """Return the processes in which a marked password is reachable."""
    processes = helper.processes("frontend") + helper.processes("supervisor") + helper.processes("worker")
    assert len(processes) >= 3
    return [process for process in processes if holds_marked_password(process, folder)]


@pytest.mark.parametrize("sections", ["", "[cache]\n[throttle]\n"], ids=["plain", "cache and throttle"])
def test_frontend_at_rest_reaches_no_password(site: Site, tmp_path: Path, sections: str) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}marked-password\n")
    site.configure(f"{site.BASIC}readplain = true\n{sections}")
    helper = site.serve()
    helper.wait_for_information("serving")
    assert helper.ask(b"i INTF 10").startswith(b"INTF")
    helper.write(b"0 VRFY alice@example.com marked-pass")
    helper.write(b"word\n")
    assert helper.reply(b"0") == b"OK"
    for number in range(1, 50):
        assert helper.ask(b"%d VRFY alice@example.com marked-password" % number) == b"OK"
        assert helper.ask(b"%d VRFY (IMAP) alice@example.com marked-password-no" % number) == WRONG
        assert helper.ask(b"%d VRFY nobody marked-password" % number).startswith(b"ERROR")
        assert helper.ask(b"%d VRFY a@b@c marked-password" % number).startswith(b"ERROR")
        assert helper.ask(b"%d READPLAIN alice@example.com" % number).startswith(b"PLAIN")
    assert not holds_marked_password(helper.process.pid, tmp_path)
    helper.write(b"last VRFY alice@example.com marked-password")
    assert holds_marked_password(helper.process.pid, tmp_path)  # the test finds one that is there
    helper.write(b"\n")
    assert helper.reply(b"last") == b"OK"
    assert not holds_marked_password(helper.process.pid, tmp_path)
    assert helper.end() == 0


def test_processes_forked_under_load_hold_no_password(scripted: ScriptedSite, tmp_path: Path) -> None:
    helper = scripted.serve(sections="[cache]")
    helper.send(b"1 VRFY alice@example.com wait/marked-password", b"2 VRFY alice@example.com wait/marked-password")
    scripted.wait_for("wait")
    helper.write(b"3 VRFY bob@example.org marked-password")
    send_sighup(helper)
    helper.wait_for_information("serving")
    helper.write(b"\n")
    assert helper.reply(b"3") == WRONG
    scripted.release()
    helper.wait_for_replies(2)
    wait_until(lambda: len(helper.processes("supervisor")) == 1, "the end of the first generation")
    assert holders(helper, tmp_path) == []
    assert helper.end() == 0
