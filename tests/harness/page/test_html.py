"""The HTML page: complete, well-formed, without passwords and without links to other files."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.harness.programs import program, run

_VOID = {"meta", "br"}


class _Page(HTMLParser):
    """A page. All elements must be closed in the right order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the page of a load test with two programs. One often dies, the other one repeats passwords."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "accounts").write_text("a@d:tiger & <lion>\nb@d:tiger & <lion>\n")
    options = ["--accounts", str(folder / "accounts"), "--auto-restart", "0", "--rounds", "1", "--requests", "300"]
    other = " ".join(program("repeats_what_it_reads.pl"))
    outcome = run(
        ["load", *options, "--vs", other, "--html", str(folder / "page.html"), "--", *program("dies_often.pl"), "<&>"]
    )
    assert outcome.status == 1
    return (folder / "page.html").read_text()


def test_the_page_and_its_plots_are_well_formed(text: str) -> None:
    _Page(text)
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)  # noqa: S314  # made by the harness
        assert root.get("aria-label")
        width, height = map(float, root.get("viewBox", "").split()[2:])
        shapes = [shape for shape in root.iter() if shape.get("points")]
        assert {shape.get("class", "").split()[-1] for shape in shapes} == {"a", "b"}
        for shape in shapes:
            points = [tuple(map(float, point.split(","))) for point in shape.get("points", "").split()]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def test_wide_parts_scroll_on_a_small_screen(text: str) -> None:
    assert len(re.findall("<table|<svg", text)) == len(re.findall('<div class="scroll"><(?:table|svg)', text)) == 4
    assert ".scroll { overflow-x: auto; }" in text
    assert re.search(r"svg \{[^}]*min-width: 40rem;", text)


def test_the_page_loads_no_other_files(text: str) -> None:
    page = _Page(text)
    assert not {name for name, _ in page.attributes} & {"src", "href", "xlink:href", "data", "action", "srcset"}
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img", text)


def test_the_page_has_no_password(text: str) -> None:
    assert "tiger" not in text
    assert "lion" not in text


def test_the_page_has_the_options_and_the_results(text: str) -> None:
    page = _Page(text)
    words = " ".join(" ".join(page.texts).split())
    assert "<title>extauth harness load</title>" in text
    assert "A perl " in words
    assert "dies_often.pl '<&>' B perl " in words
    assert "--auto-restart 0" in words
    assert "--requests 300" in words
    assert re.search(r"versions extauth \d+\.\d+\.\d+, Python 3\.", words)
    assert "restart" in page.texts
    for axis in ("seconds since the start", "replies per second", "latency (logarithmic)", "share of the replies"):
        assert axis in page.texts
    for remark in (
        "violation: exit status 3",
        "wrong reply: expected OK to 000001 VRFY ",
        "standard error: got: 000301 VRFY ",
    ):
        assert remark in words
    assert {"300", "OK", "ERROR VRFY a@d ***", "throughput", "p99.9", "B / A"} < set(page.texts)


def test_the_page_of_a_session_shows_its_replies(tmp_path: Path) -> None:
    session, page = tmp_path / "session.txt", tmp_path / "page.html"
    session.write_text("I: 1 VRFY a@d tiger\nI: 2 NEW a@d\nO: 2 OK\n")
    outcome = run(["replay", "--html", str(page), str(session), "--", *program("reveals_passwords.pl")])
    assert any(line.startswith("times: p50 ") for line in outcome.lines)
    text = page.read_text()
    texts = _Page(text).texts
    assert {"requests", "2", "PLAIN", "p50", "replies per second"} < set(texts)
    assert "- O: 2 OK    (line 3)" in text
    assert "tiger" not in text


def test_a_page_without_replies_has_no_plots(tmp_path: Path) -> None:
    session, page = tmp_path / "session.txt", tmp_path / "page.html"
    session.write_text("I: 1 VRFY a@d tiger\n")
    outcome = run(["replay", "--html", str(page), str(session), "--", *program("dies_at_once.sh")])
    assert outcome.status == 1
    text = page.read_text()
    assert "violation: no reply to 1" in "".join(_Page(text).texts)
    assert "<svg" not in text
