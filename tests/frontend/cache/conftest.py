"""Fixtures of the tests of the cache."""

from __future__ import annotations

import pytest

from tests.frontend.cache.support import (
    LOG_ALL_VERDICTS,
    LOG_NO_VERDICTS,
)


@pytest.fixture(params=["logged", "quiet"])
def log_section(request: pytest.FixtureRequest) -> str:
    return LOG_NO_VERDICTS if request.param == "quiet" else LOG_ALL_VERDICTS
