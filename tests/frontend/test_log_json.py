"""The log as JSON, in the file and in syslog, and the backends in the record of a request whose deadline is over."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.helper import Helper, Site
from tests.plugins import ScriptedSite, bobs_request, scripted_request

TWO_BACKENDS = """\
[helper]
deadline = 2
[log]
mail_server_level = "Problems"
level = "All Info"
format = "json"
file = "log"
[cache]
[[backend]]
type = "files"
path = "passwd"
[[backend]]
type = "scripted_backend.py:ScriptedBackend"
name = "scripted"
folder = "."
"""


def records(site: Site) -> list[dict[str, Any]]:
    """Return the records of the log. Each line is one."""
    return [json.loads(line) for line in (site.folder / "log").read_text().split("\n")[:-1]]


def serve(scripted: ScriptedSite) -> Helper:
    """Start a helper whose scripted backend comes after the password file."""
    scripted.site.configure(TWO_BACKENDS)
    return scripted.site.serve()


def test_each_record_is_a_json_object_with_its_fields(scripted: ScriptedSite) -> None:
    helper = serve(scripted)
    assert helper.ask(b"1 VRFY (IMAP) bob@example.org password") == b"OK"
    assert helper.ask(b"2 VRFY (IMAP) bob@example.org password") == b"OK"
    assert helper.ask(b'3 SASL(APOP) "\xe2\x80\xa8@example.org 00 <1>') == b"ERROR incorrect password"
    assert helper.ask(scripted_request(4, "no")) == b"ERROR incorrect password"
    assert helper.ask(b"5 VRFY bob") == b"ERROR malformed request"
    assert helper.end() == 0
    found = records(scripted.site)
    for record in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", record.pop("time"))
        assert record.pop("pid") == helper.process.pid
        assert record["level"] in ("Failures", "Major & Failures", "Problems", "Low Level", "All Info")
    by_number = {record["seq"]: record for record in found if "seq" in record}
    assert all(0 <= record.pop("seconds") < 2 for number, record in by_number.items() if number != "5")
    assert all(0 <= step.pop("seconds") < 2 for step in by_number["4"]["asked"])
    accepted = {
        "level": "Low Level",
        "message": "VRFY bob@example.org: OK",
        "account": "bob@example.org",
        "mode": "IMAP",
        "command": "VRFY",
        "verdict": "OK",
        "backend": "files",
    }
    assert by_number["1"] == accepted | {"seq": "1"}
    assert by_number["2"] == accepted | {"seq": "2", "cache": "hit"}
    assert by_number["3"]["account"] == '" @example.org'
    assert by_number["3"]["mechanism"] == "APOP"
    assert by_number["4"] == {
        "level": "Problems",
        "message": "VRFY alice@example.com: PASSWORD_MISMATCH",
        "account": "alice@example.com",
        "command": "VRFY",
        "verdict": "PASSWORD_MISMATCH",
        "backend": "scripted",
        "asked": [
            {"backend": "files", "verdict": "USER_UNKNOWN"},
            {"backend": "scripted", "verdict": "PASSWORD_MISMATCH"},
        ],
        "seq": "4",
    }
    assert by_number["5"]["message"].startswith("request 5 refused: malformed request")
    assert any(re.match("account=alice@example.com command=VRFY verdict=", line) for line in helper.information)


def test_record_after_the_deadline_says_what_each_backend_said(scripted: ScriptedSite) -> None:
    helper = serve(scripted)
    assert helper.ask(scripted_request(1, "wait")) == b"ERROR temporary failure"
    assert helper.ask(bobs_request(2)) == b"OK"
    line = helper.wait_for_information("the deadline is over")
    assert re.search(
        r' reason="the deadline is over" asked=files,USER_UNKNOWN,0\.0\d+;scripted,TEMPORARY_FAILURE,\d\.\d+,'
        r'"no verdict yet"$',
        line,
    )
    assert helper.end() == 0
    (record,) = (record for record in records(scripted.site) if record.get("seq") == "1")
    assert [step["backend"] for step in record["asked"]] == ["files", "scripted"]
