"""An example of a test of your own backend. It starts extauth and asks it as the mail server does."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_only_the_right_password_is_accepted(tmp_path: Path) -> None:
    for name in ("sqlite_backend.py", "sqlite.toml"):
        shutil.copy(HERE / name, tmp_path)
    with sqlite3.connect(tmp_path / "accounts.sqlite") as database:
        database.execute("CREATE TABLE accounts (address TEXT PRIMARY KEY, stored TEXT)")
        database.execute("INSERT INTO accounts VALUES ('alice@example.com', '{PLAIN}open sesame')")

    requests = "1 VRFY alice@example.com open sesame\n2 VRFY alice@example.com wrong\n3 VRFY bob@example.com wrong\n"
    command = [sys.executable, "-m", "extauth", "serve", "-c", str(tmp_path / "sqlite.toml")]
    done = subprocess.run(command, input=requests, capture_output=True, text=True, check=True, timeout=30)

    replies = sorted(line for line in done.stdout.splitlines() if not line.startswith("*"))
    assert replies == ["1 OK", "2 ERROR incorrect password", "3 ERROR incorrect password"]
