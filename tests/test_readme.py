"""The README and the pages in docs: commands, sample configurations, tables and links."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.saslauthd import saslauthd_pam
from tests.backends.pam.services import Services
from tests.helper import Site
from tests.pages import PAGES, Block, Terminal, blocks
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()
FIRST_STEPS = (ROOT / "docs" / "getting-started.md").read_text()


def texts(page: str, language: str) -> list[str]:
    """Return the fenced code blocks of this language."""
    return [block.text for block in blocks(page) if block.language == language]


def test_readme_begins_with_make_demo_and_make_test() -> None:
    assert texts(README, "sh")[0].split("\n")[:2] == ["make demo", "make test"]


def test_readme_commands_run_in_a_fresh_checkout(tmp_path: Path) -> None:
    checkout, programs = tmp_path / "extauth", tmp_path / "bin"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    programs.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "VENV"))}
    environment |= {"PYTHON": sys.executable, "PATH": f"{programs}:{environment['PATH']}"}
    places = {"/opt/extauth": f"{tmp_path}/opt", "/etc/extauth": f"{tmp_path}/etc", "/usr/local/bin": str(programs)}
    # the tests would run this test again, and lint runs separately
    commands = without("\n".join(texts(README, "sh")), "make test", "make lint")
    status, output = Terminal(places, checkout, environment).run(commands)
    assert status == 0, output
    assert "replies: 15 of 15 as expected" in output
    assert "alice@example.com is added" in output
    assert "\n00010 OK\n" in output

    shell = Terminal(places | {"/etc/extauth": f"{tmp_path}/etc-of-first-steps"}, checkout, environment)
    assert [text for block in first_steps() for text in what_differs(shell, block)] == []


def without(commands: str, *lines: str) -> str:
    """Return the commands without these lines, which must be there."""
    for line in lines:
        assert line in commands.split("\n")
        commands = commands.replace(f"{line}\n", "")
    return commands


def first_steps() -> list[Block]:
    """Return the blocks of the first steps: those with a password file. extauth is installed already."""
    found = blocks(FIRST_STEPS)
    (install,) = (block for block in found if block.heading == "1. Install" and block.language == "sh")
    link = without(install.text, "python3 -m venv /opt/extauth", "/opt/extauth/bin/pip install .")
    steps = [block for block in found if re.match(r"[1-5]\. ", block.heading)]
    return [Block(install.heading, "sh", link) if block is install else block for block in steps]


def what_differs(shell: Terminal, block: Block) -> list[str]:
    """Run a block of the first steps. Return the commands that do not print what it shows."""
    if block.language == "console":
        return shell.differences(block, "open sesame")
    status, output = shell.run(block.text)
    return [] if status == 0 else [output]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sample_configurations_are_valid(page: Path, site: Site) -> None:
    shutil.copy(ROOT / "examples" / "sqlite_backend.py", site.folder)
    site.write("passwd/example.com", "")
    site.write("reader.secret", "the password of the service account")
    site.write("names", "alice@example.com:*\n")
    site.write("robot.secret", "the password of the account that creates others")
    for text in texts(page.read_text(), "toml"):
        site.configure(text.replace('path = "passwd"', 'path = "passwd/example.com"'))
        check = ["check", "-c", "extauth.toml"]
        if "[[domain]]" in text:  # an accounts file of the harness
            check = ["harness", "domain-security", "show", "example.com"]
            check += ["--accounts", "extauth.toml", "--base-directory", "."]
        done = site.run(*check)
        assert done.returncode in (0, 3), done.stderr  # 3: valid, but there is no such server, or an empty file


def test_docs_show_the_example_backends() -> None:
    page = "".join((ROOT / "docs" / name).read_text() for name in ("backends.md", "backend-methods.md"))
    backends = "sqlite_backend.py", "test_sqlite_backend.py", "saslauthd_backend.py"
    assert texts(page, "python") == [(ROOT / "examples" / name).read_text() for name in backends]
    assert texts(page, "toml") == [(ROOT / "examples" / "sqlite.toml").read_text()]


def test_the_security_page_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "security.md").read_text())
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_example_backend_answers_from_its_database(site: Site) -> None:
    shutil.copy(ROOT / "examples" / "sqlite_backend.py", site.folder)
    shutil.copy(ROOT / "examples" / "sqlite.toml", site.config)
    with sqlite3.connect(site.folder / "accounts.sqlite") as database:
        database.execute("CREATE TABLE accounts (address TEXT PRIMARY KEY, stored TEXT)")
        database.execute("INSERT INTO accounts VALUES ('alice@example.com', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=')")
    assert site.session(
        b"1 VRFY alice@example.com password",
        b"2 VRFY alice@example.com wrong",
        b"3 VRFY bob@example.com password",
    ) == [b"1 OK", b"2 ERROR incorrect password", b"3 ERROR incorrect password"]


def test_example_test_of_a_backend_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/test_sqlite_backend.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert "1 passed" in done.stdout, done.stdout


def test_async_example_backend_asks_saslauthd(site: Site, tmp_path: Path) -> None:
    services = Services(shutil.copytree("/etc/pam.d", tmp_path / "pam.d"))
    services.pwdfile("imap", {"alice": "open sesame"})
    shutil.copy(ROOT / "examples" / "saslauthd_backend.py", site.folder)
    example = (ROOT / "examples" / "saslauthd.toml").read_text()
    socket = tmp_path / "saslauthd" / "mux"
    site.config.write_text(f'{example}socket = "{socket}"\nservice = "imap"\n')
    with saslauthd_pam(tmp_path, services.folder, "imap").started():
        assert site.session(b"1 VRFY alice@example.com open sesame", b"2 VRFY alice@example.com wrong") == [
            b"1 OK",
            b"2 ERROR incorrect password",
        ]
    assert site.session(b"3 VRFY alice@example.com open sesame") == [b"3 ERROR temporary failure"]
