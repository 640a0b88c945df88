"""FileWatch notices changed files and waits until they are complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from extauth.trust import signature
from extauth.workers.file_watcher import FileWatch


class Watched:
    """A FileWatch with a clock that the test controls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
        self._now = 0.0
        monkeypatch.setattr("extauth.workers.file_watcher.time.monotonic", lambda: self._now)
        self._watch = FileWatch()
        self._watch.start({path: signature(path) for path in paths})

    def after(self, seconds: float) -> list[Path]:
        """Return the changed files, this many seconds later."""
        self._now += seconds
        return self._watch.changed()


def test_file_edited_in_place_settles_after_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passwd"
    path.write_text("alice@exam")
    watched = Watched(monkeypatch, path)
    for piece in ("ple.com:{PL", "AIN}o", "ld"):
        with path.open("a") as file:
            file.write(piece)
        assert watched.after(0.3) == []
        assert watched.after(0.9) == []
    assert watched.after(0.3) == [path]


def test_replaced_file_settles_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passwd"
    path.write_text("old")
    watched = Watched(monkeypatch, path)
    _replace(path, "new")
    assert watched.after(0.3) == []
    assert watched.after(0.3) == [path]


def test_constantly_changing_file_is_reported_after_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for change, seconds in ((_replace, 10), (Path.write_text, 60)):
        path = tmp_path / "passwd"
        path.write_text("0")
        watched = Watched(monkeypatch, path)
        for number in range(4 * seconds):
            change(path, "x" * (number + 2))
            assert watched.after(1 / 4) == []
        change(path, "y")
        assert watched.after(1 / 4) == [path]


def test_no_change_is_reported_while_one_file_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, replaced = tmp_path / "written", tmp_path / "replaced"
    written.write_text("")
    replaced.write_text("")
    watched = Watched(monkeypatch, written, replaced)
    _replace(replaced, "new")
    for _ in range(10):
        with written.open("a") as file:
            file.write("piece")
        assert watched.after(0.3) == []  # a reload reads all files, and this one is half-written
    watched.after(0.9)
    assert watched.after(0.3) == [written, replaced]


def _replace(path: Path, content: str) -> None:
    new = path.with_name("new")
    new.write_text(content)
    new.replace(path)
