"""RequestHandler without workers: the replies to several requests that get the same verdict."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from extauth.config import read_config
from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.model import Verdict, VerdictResult
from extauth.protocol.framing import Line
from extauth.workers.frontend_config import FrontendConfig
from tests.frontend.cache.support import SILENT, bytes_in, config_of
from tests.helper import Site

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


def decide_all(folder: Path, log_level: str, result: VerdictResult) -> tuple[list[bytes], list[str]]:
    """Receive LINES together and decide all of them alike. Return the replies and the log lines."""
    (folder / "passwd").write_text("bob@example.com:{PLAIN}password\n")
    path = folder / "extauth.toml"
    path.write_text(
        f'[log]\nmail_server_level = "{log_level}"\n[[backend]]\ntype = "files"\npath = "{folder}/passwd"\n'
    )
    config = FrontendConfig.of(read_config(path))
    log = Log(config.log, Poller())
    handler = RequestHandler(config, log)
    handler.handle([b"0 INTF 7"])
    handler.replies.clear()
    batch = handler.handle(LINES)
    assert len(batch.keys) == len(batch.requests) == 4
    handler.dispatcher.finish(result, batch.keys)
    assert len(handler.dispatcher.pending) == handler.dispatcher.pending.bytes == 0
    records = re.sub(rb"time=[0-9.]+ seq=[0-9]+", b"time=T", log.take_for_mail_server()).decode().splitlines()
    return sorted(handler.replies), [record for record in records if "account=" in record]


def test_one_verdict_gets_the_reply_of_each_command(tmp_path: Path, log_level: str) -> None:
    replies, _ = decide_all(tmp_path, log_level, VerdictResult(Verdict.OK, "files"))
    assert replies == [b"1 FAILURE account not created\n", b"2 OK\n", b"3 OK\n", MALFORMED, b"5 OK\n"]
    replies, _ = decide_all(tmp_path, log_level, VerdictResult(Verdict.USER_UNKNOWN, "files"))
    incorrect = b" ERROR incorrect password\n"
    assert replies == [b"1 ERROR unknown account\n", b"2" + incorrect, b"3" + incorrect, MALFORMED, b"5" + incorrect]


def test_one_verdict_is_logged_for_each_request(tmp_path: Path) -> None:
    _, records = decide_all(tmp_path, "Low Level", VerdictResult(Verdict.PASSWORD_MISMATCH, "files", "a reason"))
    rest = 'verdict=PASSWORD_MISMATCH backend=files time=T reason="a reason"'
    assert sorted(records) == [
        f"* account=amy@example.com command=VRFY {rest}",
        f"* account=bob@example.com command=NEW {rest}",
        f"* account=bob@example.com command=VRFY {rest}",
        f"* account=bob@example.com mode=IMAP command=VRFY {rest}",
    ]


def test_shared_verdicts_respect_the_log_level(tmp_path: Path) -> None:
    assert decide_all(tmp_path, "Problems", VerdictResult(Verdict.OK, "files"))[1] == []
    assert len(decide_all(tmp_path, "Low Level", VerdictResult(Verdict.OK, "files"))[1]) == 4
    records = decide_all(tmp_path, "Problems", VerdictResult(Verdict.PASSWORD_MISMATCH, "files"))[1]
    assert len(records) == 3, "a refused NEW is not logged at this level"


def test_shorter_deadline_applies_while_longer_ones_run(tmp_path: Path) -> None:
    path = tmp_path / "extauth.toml"
    backend = f'[[backend]]\ntype = "files"\npath = "{tmp_path}/passwd"\n'
    path.write_text(f"[helper]\ndeadline = 3600\n{backend}")
    handler = RequestHandler(FrontendConfig.of(read_config(path)), Log(read_config(path).log, Poller()))
    (first,) = handler.handle([b"1 VRFY bob@example.com password"]).keys
    path.write_text(f"[helper]\ndeadline = 0.1\n{backend}")
    handler.configure(FrontendConfig.of(read_config(path)))
    handler.handle([b"2 VRFY bob@example.com password"])
    assert handler.dispatcher.pending.next_deadline is not None
    assert handler.dispatcher.pending.next_deadline < time.monotonic() + 1
    while len(handler.dispatcher.pending) == 2:
        handler.dispatcher.expire()
    assert handler.replies == [b"2 ERROR temporary failure\n"]
    handler.dispatcher.finish(VerdictResult(Verdict.OK), [first])
    assert handler.replies[1:] == [b"1 OK\n"]


def test_expired_requests_leave_no_password_in_memory(site: Site) -> None:
    handler = RequestHandler(config_of(site, "[helper]\ndeadline = 0.1\n[cache]\n"), SILENT)
    handler.handle([b"1 VRFY alice@example.com open sesame"])
    while handler.dispatcher.pending:
        handler.dispatcher.expire()
    assert not [text for text in bytes_in(vars(handler)) if b"sesame" in text]
