"""The end of a run names the tests that could not run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import needs_root
from tests.ordinary_user import as_nobody
from tests.paths import ROOT

TESTS = """\
import pytest
from tests.needs import needs_fuse, needs_root

@needs_root
@pytest.mark.parametrize("number", range(3))
def test_one(number): pass

@needs_fuse
def test_two(): pass

def test_three(): pass
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def run(folder: Path, *start: str) -> str:
    """Run the tests above in a pytest of its own. Return what it prints."""
    file = folder / "test_sample.py"
    file.write_text(TESTS)
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.needs", "-c", os.devnull]
    command = [*start, *program, f"--rootdir={folder}", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@needs_root
def test_a_run_without_root_names_skipped_tests(open_folder: Path) -> None:
    shown = run(open_folder, *as_nobody())
    assert "NOT TESTED" in shown
    assert "4 tests: needs root rights; run: sudo make test\n" in shown
    assert "test_sample.py::test_one (3 times)\n" in shown
    assert shown.rstrip().rpartition("\n")[2].startswith("1 passed, 4 skipped")


@needs_root
def test_a_run_as_root_tests_everything(tmp_path: Path) -> None:
    shown = run(tmp_path)
    assert "NOT TESTED" not in shown
    assert "5 passed" in shown
