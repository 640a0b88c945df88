"""`make demo-migration` plays a whole migration: Dovecot, the harness, `[provision]` and `[handover]`."""

from __future__ import annotations

import subprocess
import sys

from tests.helper import PATIENCE
from tests.paths import EXAMPLES


def test_demo_moves_a_user_from_old_to_new_server() -> None:
    command = [sys.executable, str(EXAMPLES / "migration" / "demo.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    login = [
        "I: 000002 NEW (POP) alice@example.com",
        "robot@example.com: created alice@example.com",
        "O: 000002 OK",
        "I: 000003 VRFY (POP) alice@example.com ***",
    ]
    end = [
        "settings of alice: {'UseAppPassword': 'YES', 'UseExtPassword': 'NO'}",
        "The old mail server is switched off.",
        "POP3: +OK",
        "The migration works.",
    ]
    # extauth writes the reply first, but the log may have the handover before it
    for middle in ("External OK", "robot@example.com: set the own password of alice@example.com"):
        position = 0
        for part in (*login, middle, *end):
            position = done.stdout.find(part, position)
            assert position >= 0, f"{part!r} is missing or at the wrong place:\n{done.stdout}"
