"""A running program, as lines and events."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from extauth.harness.events import LineSent
from extauth.harness.process import Process
from extauth.harness.program import Program


def test_a_line_counts_as_sent_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads may run between the write and the next clock reading. The reply time must not get shorter."""
    written_at = []
    write = Process.write

    def write_and_note(process: Process, data: bytes) -> int:
        written = write(process, data)
        written_at.append(time.monotonic())
        return written

    monkeypatch.setattr(Process, "write", write_and_note)
    program = Program(["cat"], tmp_path)
    program.send(b"1 VRFY a@d x")
    sent = [event for event in program.run_once(10.0, None) if isinstance(event, LineSent)]
    program.process.kill()
    assert sent[0].at <= written_at[0]
