"""Read the pages of the documentation, and run the commands that they show."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_STOPPED = "the mail server stops the helper"
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_VARIABLE = re.compile(
    r"\b\d+\.\d{3} s\b|\b(?:pid|uid|helper) \d+|\b\d+ workers?\b|\bversion [\d.]+|extauth [\d.]+ starts"
    r"|\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
)


class Block(msgspec.Struct, frozen=True):
    """A fenced code block: the heading above it, its language and its text."""

    heading: str
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Return the fenced code blocks of a page."""
    without = _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)  # a line of code may look like a heading
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start())
        above = _HEADING.findall("\n".join(without.split("\n")[:line]))
        found.append(Block(above[-1] if above else "", match[1], match[2]))
    return found


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    names: set[str] = set()
    for heading in _HEADING.findall(_BLOCK.sub("", text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = 1
        while (unique := name if number == 1 else f"{name}-{number - 1}") in names:
            number += 1
        names.add(unique)
    return names


class Terminal:
    """Runs commands of a page somewhere else. `places`: texts of the page, and what stands for them here."""

    def __init__(self, places: Mapping[str, str], folder: Path, environment: Mapping[str, str]) -> None:
        self._places = places
        self._folder = folder
        self._environment = environment

    def here(self, text: str) -> str:
        """Return a text of the page as it is here."""
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text

    def run(self, script: str, password: str = "") -> tuple[int, str]:
        """Run a script of the page. Return its exit status, and its output as the page would show it."""
        done = subprocess.run(
            ["sh", "-euc", self.here(script)],
            cwd=self._folder,
            env=dict(self._environment),
            input=f"{password}\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,  # pip may be slow on a busy machine
        )
        output = done.stdout
        for there, here in sorted(self._places.items(), key=lambda item: -len(item[1])):  # one may begin another
            output = output.replace(here, there)
        return done.returncode, output

    def differences(self, block: Block, password: str) -> list[str]:
        """Run the commands of a `console` block. Return those whose output is not the one that the block shows."""
        found = []
        for example in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = example.partition("\n")
            shown = re.sub(r"^Password( again)?:\n", "", shown, flags=re.MULTILINE)
            output = self.run(command, password)[1]
            while _STOPPED in output:  # a busy machine: the check took longer than the end may take
                output = self.run(command, password)[1]
            if _constant(output) != _constant(shown):
                found.append(f"{block.heading}: {command}\n{output}")
        return found


def _constant(output: str) -> str:
    """Return an output without what is different each time: seconds, process ids, versions."""
    return "\n".join(line.rstrip() for line in _VARIABLE.sub("N", output).strip().split("\n"))
