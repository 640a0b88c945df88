"""Reasons of a backend become one short line of the log."""

from __future__ import annotations

from tests.helper import Site

PLUGIN = """
from extauth import Backend, BackendUnavailable

class Own(Backend):
    def verify_password(self, account, password):
        raise BackendUnavailable("first line\\n9 OK\\r\\n* second line\\x1b[31m\\u2028" + "x" * 10240)
"""


def test_long_reason_with_line_breaks_is_one_short_line(site: Site) -> None:
    site.write("own.py", PLUGIN)
    site.configure('[log]\nfile = "log"\n[[backend]]\ntype = "own.py:Own"\n')
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com open sesame") == b"ERROR temporary failure"
    record = helper.wait_for_information("account=alice@example.com")
    assert helper.end() == 0
    assert 'reason="first line 9 OK * second line' in record
    assert record.isprintable()
    assert len(record) < 512
    assert helper.replies == []
    lines = [line for line in (site.folder / "log").read_text().splitlines() if "second line" in line]
    assert len(lines) == 1
