"""The README and the pages in docs: commands, sample configurations, tables and links."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.peers.saslauthd import saslauthd_pam
from extauth.backends.files.backend import FilesSettings
from extauth.backends.ldap.settings import LdapSettings
from extauth.backends.pam.backend import PamSettings
from extauth.config import (
    BackendSection,
    CacheSettings,
    ConfigFile,
    HelperSettings,
    LogSettings,
    MetricsSettings,
    NewSettings,
    SaslSettings,
    ThrottleSettings,
)
from extauth.settings import Settings
from tests.backends.pam.services import Services
from tests.helper import Site
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced code blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_readme_begins_with_make_demo_and_make_test() -> None:
    assert blocks(README, "sh")[0].split("\n")[:2] == ["make demo", "make test"]


def test_readme_commands_run_in_a_fresh_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "extauth"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    commands = "\n".join(blocks(README, "sh"))
    for line in ("make test", "make lint"):  # they would run this test again, and lint runs separately
        assert line in commands
        commands = commands.replace(line, f": {line}")
    commands = commands.replace("/opt/extauth", f"{tmp_path}/opt").replace("/etc/extauth", f"{tmp_path}/etc")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "VENV"))}
    done = subprocess.run(
        ["sh", "-euc", commands],
        cwd=checkout,
        env=environment | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replies: 15 of 15 as expected" in done.stdout
    assert "alice@example.com is added" in done.stdout
    assert "\n00010 OK\n" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sample_configurations_are_valid(page: Path, site: Site) -> None:
    shutil.copy(ROOT / "examples" / "sqlite_backend.py", site.folder)
    site.write("passwd/example.com", "")
    for text in blocks(page.read_text(), "toml"):
        site.configure(text.replace('path = "passwd"', 'path = "passwd/example.com"'))
        done = site.run("check", "-c", "extauth.toml")
        assert done.returncode in (0, 3), done.stderr  # 3: valid, but there is no such server, or an empty file


def test_docs_show_the_example_backends() -> None:
    page = (ROOT / "docs" / "backends.md").read_text()
    examples = "sqlite_backend.py", "test_sqlite_backend.py", "saslauthd_backend.py"
    assert blocks(page, "python") == [(ROOT / "examples" / name).read_text() for name in examples]
    assert blocks(page, "toml") == [(ROOT / "examples" / "sqlite.toml").read_text()]


def test_readme_lists_all_configuration_keys() -> None:
    tables: dict[str, type[Settings]] = {
        "": ConfigFile,
        "helper.": HelperSettings,
        "sasl.": SaslSettings,
        "new.": NewSettings,
        "cache.": CacheSettings,
        "throttle.": ThrottleSettings,
        "log.": LogSettings,
        "metrics.": MetricsSettings,
        "backend.": BackendSection,
    }
    keys = {prefix + field.name for prefix, kind in tables.items() for field in msgspec.structs.fields(kind)}
    keys -= {"helper", "sasl", "new", "cache", "throttle", "log", "metrics", "backend"}
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", README, re.MULTILINE)) == keys


def test_operations_page_lists_all_its_keys() -> None:
    table = (ROOT / "docs" / "operations.md").read_text().split("| key |")[1].split("\n\n")[0]
    keys = {f"metrics.{field.name}" for field in msgspec.structs.fields(MetricsSettings)}
    assert set(re.findall(r"`(metrics\.[a-z_]+)`", table)) == keys


@pytest.mark.parametrize(("page", "settings"), [("files", FilesSettings), ("pam", PamSettings), ("ldap", LdapSettings)])
def test_backend_page_lists_all_its_keys(page: str, settings: type[Settings]) -> None:
    table = (ROOT / "docs" / f"{page}.md").read_text().split("| key |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    keys = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    assert keys == {field.name for field in msgspec.structs.fields(settings)}


def test_the_security_page_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "security.md").read_text())
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_link_in_the_pages_has_a_target() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[)#]", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


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
