"""`make lint`: is the English of the pages plain?

A sentence ends at a full stop, a question mark or the end of its paragraph, list item or table cell. Code in a
sentence counts as one word. Headings, code blocks, and texts of fewer than four words are not counted.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.paths import ROOT

MEAN_WORDS = 15  # of the sentences of a page, at most
LONG = 25  # words: a longer sentence is a long one
LONG_PERCENT = 8  # of the sentences of a page, at most
CELL_WORDS = 30  # a longer text in a table belongs into a section
PARAGRAPH_WORDS = 90  # a longer paragraph hides what it says
UNCOMMON = re.compile(
    r"\b(?:aforementioned|albeit|anew|aught|ere|forthwith|hence|henceforth|hereby|herein|heretofore|hitherto|inasmuch"
    r"|insofar|lest|nay|nonetheless|notwithstanding|nought|perchance|thence|thereby|therein|thereof|thereto|thereupon"
    r"|thus|til|unto|upon|utili[sz]e|whence|whereby|wherein|whereof|whereupon|whilst|whither|whom|whomever)\b",
    re.IGNORECASE,
)
NOT_YET_PLAIN: frozenset[str] = frozenset()

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_]*(?:[A-Z0-9`$]|extauth\b))")
_WORD = re.compile(r"\w[\w'.@/-]*")
_CODE = "`code`"


class Sentence(NamedTuple):
    """A sentence and its line."""

    line: int
    text: str
    words: int


def check(text: str) -> list[str]:
    """Return the complaints about a page, each with a line of the page."""
    sentences = []
    complaints = []
    for line, paragraph, in_table in _paragraphs(text):
        parts = [
            Sentence(line + paragraph[: paragraph.index(part)].count("\n"), part, len(_WORD.findall(part)))
            for part in _SENTENCE_END.split(paragraph)
        ]
        sentences += [part for part in parts if part.words >= 4]
        if sum(part.words for part in parts) > (most := CELL_WORDS if in_table else PARAGRAPH_WORDS):
            kind = "table cell" if in_table else "paragraph"
            complaints.append(f"{line}: more than {most} words in a {kind}: {paragraph}")
        for word in UNCOMMON.findall(paragraph):
            complaints.append(f"{line}: use a common word for {word!r}: {paragraph}")
    long = [sentence for sentence in sentences if sentence.words > LONG]
    if len(long) * 100 > LONG_PERCENT * len(sentences):
        percent = f"{len(long) / len(sentences):.0%} of the sentences have more than {LONG} words"
        complaints += [f"{each.line}: {percent}; this one has {each.words}: {each.text}" for each in long]
    if sentences and (mean := statistics.fmean(each.words for each in sentences)) > MEAN_WORDS:
        longest = sorted(sentences, key=lambda each: -each.words)[:10]
        complaints += [f"{each.line}: the mean is {mean:.1f} words; shorten: {each.text}" for each in longest]
    return complaints


def _paragraphs(text: str) -> Iterator[tuple[int, str, bool]]:
    """Return the texts outside headings and code: the number of the first line, the text, whether it is in a table."""
    parents: list[Token] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.nesting == 1:
            parents.append(token)
        elif token.nesting == -1:
            parents.pop()
        elif token.type == "inline" and token.map and parents[-1].type not in ("heading_open", "th_open"):
            words = "".join(_text(child) for child in token.children or ())
            yield token.map[0] + 1, words, parents[-1].type == "td_open"


def _text(token: Token) -> str:
    if token.type == "code_inline":
        return _CODE
    return "\n" if token.type in ("softbreak", "hardbreak") else token.content if token.type == "text" else ""


def main() -> int:
    """Print the complaints about all pages. Return the exit status."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = False
    for page in pages:
        complaints = check(page.read_text())
        name = str(Path(page).relative_to(ROOT))
        if name in NOT_YET_PLAIN:
            if not complaints:
                complaints = ["1: is plain now; remove it from NOT_YET_PLAIN in tests/prose.py"]
            else:
                continue
        for complaint in complaints:
            print(f"{name}:{' '.join(complaint.split())}")
            found = True
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
