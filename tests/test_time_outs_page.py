"""docs/time-outs.md and docs/architecture.md name files, times and states as they are in the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from extauth.frontend import timeouts
from extauth.frontend.reader import InputState
from extauth.frontend.states import FrontendState, GenerationState, SideProcessState, WorkerState
from tests.paths import ROOT

TIME_OUTS = (ROOT / "docs" / "time-outs.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
INTERVALS = {"TICK", "SHORT_TICK", "POLL"}  # the page names them in a sentence


def rows() -> list[tuple[str, list[str], list[float]]]:
    """Return the rows with times of the code: the file, the names and the values of each."""
    found = []
    for names, seconds in re.findall(r"^\| (.+?) \| ([\d., ]+) \|", TIME_OUTS, re.MULTILINE):
        file = re.search(r"`([a-z_/]+)\.py`", names)
        constants = re.findall(r"`(_?[A-Z_]+)`", names)
        if constants:
            values = [float(value) for value in seconds.split(", ")]
            found.append((file[1] if file else "frontend/timeouts", constants, values))
    return found


def test_page_of_time_outs_has_the_times_of_the_code() -> None:
    wrong = [
        f"{file}.py: {name} = {value}"
        for file, names, values in rows()
        for name, value in zip(names, values, strict=True)
        if getattr(importlib.import_module(f"extauth.{file.replace('/', '.')}"), name, None) != value
    ]
    assert wrong == []


def test_page_of_time_outs_names_all_of_the_frontend() -> None:
    listed = {name for file, names, _ in rows() if file == "frontend/timeouts" for name in names}
    assert {name for name in vars(timeouts) if name.isupper()} == listed | INTERVALS
    assert all(f"`{name}`" in TIME_OUTS for name in INTERVALS)


def test_architecture_names_files_that_exist() -> None:
    missing, folder = [], Path()
    for name in re.findall(r"`([a-z][a-z_0-9/]*\.py)`", ARCHITECTURE):
        path = ROOT / "extauth" / name
        if not path.exists():  # a short name: the folder of the file before it
            path = folder / name
        folder = path.parent
        if not path.exists():
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("states", [FrontendState, GenerationState, SideProcessState, WorkerState, InputState])
def test_architecture_names_all_states(
    states: type[FrontendState | GenerationState | SideProcessState | WorkerState | InputState],
) -> None:
    assert [state.name for state in states if not re.search(rf"\b{state.name}\b", ARCHITECTURE)] == []
