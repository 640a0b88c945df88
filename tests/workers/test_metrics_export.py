"""The textfile of the metrics. tests/frontend/test_metrics.py looks at the metrics of a running helper."""

from __future__ import annotations

import math
from pathlib import Path

from extauth.config import MetricsSettings
from extauth.workers.metrics_export import MetricsExport
from tests.helper import wait_until


def test_textfile_that_another_helper_writes_too_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "extauth.prom"
    first, second = (MetricsExport(MetricsSettings(textfile=path)) for _ in range(2))
    first.write(math.inf)
    wait_until(path.exists, "the first textfile")
    inode = path.stat().st_ino
    second.write(math.inf)
    wait_until(lambda: path.stat().st_ino != inode, "the second textfile")
    assert first.problem() == second.problem() == ""
    first.write(math.inf)
    wait_until(lambda: first.problem() != "", "the report")
    assert first.problem() == (f"{path}: another program writes this file, too; set a file of its own for each helper")
    first.write(math.inf)
    wait_until(lambda: first.problem() == "", "the end of the report")
