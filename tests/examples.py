"""How many examples Hypothesis tries: FUZZ times the number that a test names."""

from __future__ import annotations

import os

from hypothesis import settings

FUZZ = int(os.environ.get("FUZZ", "1"))


def examples(number: int) -> settings:
    """Return settings with this many examples, times `FUZZ`."""
    return settings(max_examples=FUZZ * number, deadline=None)
