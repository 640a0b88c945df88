"""The commands of `extauth`: their help, man pages and completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from extauth.cli.commands import commands
from tests.helper import EXTAUTH


def below(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of this command and of all commands below it."""
    found = [words]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            found += below(each, (*words, name))
    return found


COMMANDS = below(commands)
HEAVY = ("asyncio", "logging", "msgspec", "socket", "subprocess", "tempfile", "extauth.harness", "extauth.chain")
"""Modules that no help needs: they take longer than the help itself."""


def test_all_commands_are_known() -> None:
    assert {("serve",), ("check",), ("config", "show"), ("harness", "listen")} < set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_is_quick(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "extauth", *words, "-h"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(" ".join(["Usage: python -m extauth", *words]))
    assert max(map(len, done.stdout.splitlines())) <= 80
    if words != ("config",):  # the commands below it have examples
        assert re.search(rf"\n  Examples?:\n    extauth {' '.join(words)}", done.stdout)
        assert len(re.findall(r"^  Examples?:", done.stdout, re.MULTILINE)) == 1
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    if words != ("passwd",):  # its help names the schemes
        assert not imported.intersection(HEAVY)


def test_man_pages_have_no_warnings(tmp_path: Path) -> None:
    done = subprocess.run([*EXTAUTH, "man", str(tmp_path)], capture_output=True, text=True, check=True)
    pages = sorted(tmp_path.iterdir())
    assert {page.name for page in pages} == {f"{'-'.join(['extauth', *words])}.1" for words in COMMANDS}
    assert {page.stat().st_mode & 0o777 for page in pages} == {0o644}
    assert done.stdout == f"{len(pages)} pages are written to {tmp_path}\n"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    shown = subprocess.run(
        ["man", "--warnings", "-l", *map(str, pages)], capture_output=True, text=True, check=True, env=environment
    )
    assert shown.stderr == ""
    assert re.search(r"EXTAUTH-HARNESS-LOAD\(1\)", shown.stdout)
    assert "-c, --config FILE" in shown.stdout
    assert shown.stdout.count("-h, --help") == len(pages)


def test_completion_script_completes_commands_in_bash(tmp_path: Path) -> None:
    script = tmp_path / "extauth.bash"
    script.write_bytes(subprocess.run([*EXTAUTH, "completion", "bash"], capture_output=True, check=True).stdout)
    typed = f"""\
. {script}
for words in "ver" "harness re" "check --ba"; do
    COMP_WORDS=(extauth $words) COMP_CWORD=$(wc -w <<<"$words") COMPREPLY=()
    _extauth_completion {EXTAUTH[0]}
    echo "${{COMPREPLY[@]}}"
done
"""
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["verify", "replay", "--base-directory", ""]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_completion_scripts(shell: str) -> None:
    done = subprocess.run([*EXTAUTH, "completion", shell], capture_output=True, text=True, check=True)
    assert f"_EXTAUTH_COMPLETE={shell}_complete" in done.stdout
