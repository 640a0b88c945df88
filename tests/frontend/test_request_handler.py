"""The front desk alone: what becomes of requests that are decided together; with a worker that is up to chance."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from extauth.config import read_config
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.model import Verdict, VerdictResult
from extauth.protocol.framing import Line

LINES: list[Line] = [
    b"1 NEW bob@example.com",
    b"2 VRFY bob@example.com password",
    b"3 VRFY (IMAP) bob@example.com password",
    b"4 VRFY bob password",
    b"5 VRFY amy@example.com password",
]
MALFORMED = b"4 ERROR malformed request\n"


@pytest.fixture(params=["Low Level", "Problems", "Failures"])
def log_level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def decide(folder: Path, log_level: str, decision: VerdictResult) -> tuple[list[bytes], list[str]]:
    """The replies and what the log says where all these lines come together, and the same is decided on them."""
    (folder / "passwd").write_text("bob@example.com:{PLAIN}password\n")
    path = folder / "extauth.toml"
    path.write_text(
        f'[log]\nmail_server_level = "{log_level}"\n[[backend]]\ntype = "files"\npath = "{folder}/passwd"\n'
    )
    config = read_config(path)
    log = Log(config.log)
    desk = RequestHandler(config, log)
    desk.handle([b"0 INTF 7"])
    desk.replies.clear()
    batch = desk.handle(LINES)
    assert len(batch.keys) == len(batch.requests) == 4
    desk.finish(decision, batch.keys)
    assert len(desk.pending) == desk.pending.bytes == 0
    records = re.sub(rb"time=[0-9.]+", b"time=T", log.take_for_mail_server()).decode().splitlines()
    return sorted(desk.replies), [record for record in records if "account=" in record]


def test_what_is_decided_alike_is_answered_as_each_request_wants(tmp_path: Path, log_level: str) -> None:
    replies, _ = decide(tmp_path, log_level, VerdictResult(Verdict.OK, "files"))
    assert replies == [b"1 FAILURE account not created\n", b"2 OK\n", b"3 OK\n", MALFORMED, b"5 OK\n"]
    replies, _ = decide(tmp_path, log_level, VerdictResult(Verdict.USER_UNKNOWN, "files"))
    no = b" ERROR incorrect password\n"
    assert replies == [b"1 ERROR unknown account\n", b"2" + no, b"3" + no, MALFORMED, b"5" + no]


def test_what_is_decided_alike_is_logged_for_each_request(tmp_path: Path) -> None:
    _, records = decide(tmp_path, "Low Level", VerdictResult(Verdict.PASSWORD_MISMATCH, "files", "a reason"))
    said = 'verdict=PASSWORD_MISMATCH backend=files time=T reason="a reason"'
    assert sorted(records) == [
        f"* account=amy@example.com command=VRFY {said}",
        f"* account=bob@example.com command=NEW {said}",
        f"* account=bob@example.com command=VRFY {said}",
        f"* account=bob@example.com mode=IMAP command=VRFY {said}",
    ]


def test_only_what_the_log_wants_is_logged_of_what_is_decided_alike(tmp_path: Path) -> None:
    assert decide(tmp_path, "Problems", VerdictResult(Verdict.OK, "files"))[1] == []
    assert len(decide(tmp_path, "Low Level", VerdictResult(Verdict.OK, "files"))[1]) == 4
    no = decide(tmp_path, "Problems", VerdictResult(Verdict.PASSWORD_MISMATCH, "files"))[1]
    assert len(no) == 3, "a refused NEW is of no interest at this level"


def test_a_deadline_that_is_made_shorter_holds_while_longer_ones_run(tmp_path: Path) -> None:
    path = tmp_path / "extauth.toml"
    backend = f'[[backend]]\ntype = "files"\npath = "{tmp_path}/passwd"\n'
    path.write_text(f"[helper]\ndeadline = 3600\n{backend}")
    desk = RequestHandler(read_config(path), Log(read_config(path).log))
    (first,) = desk.handle([b"1 VRFY bob@example.com password"]).keys
    path.write_text(f"[helper]\ndeadline = 0.1\n{backend}")
    desk.configure(read_config(path))
    desk.handle([b"2 VRFY bob@example.com password"])
    assert desk.pending.next_deadline is not None
    assert desk.pending.next_deadline < time.monotonic() + 1
    while len(desk.pending) == 2:
        desk.expire()
    assert desk.replies == [b"2 ERROR temporary failure\n"]
    desk.finish(VerdictResult(Verdict.OK), [first])
    assert desk.replies[1:] == [b"1 OK\n"]
