"""The accounts of the load tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.load.load_runs import PASSWORDS


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "accounts"
    lines = [f"{address}:{password}\n" for address, password in PASSWORDS.items()]
    path.write_text("# address:password\n\n" + "".join(lines))
    return path
