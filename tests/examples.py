"""How many examples a property is tried with: FUZZ times as many as it asks for."""

from __future__ import annotations

import os

from hypothesis import settings

FUZZ = int(os.environ.get("FUZZ", "1"))


def examples(number: int) -> settings:
    """So many, and `FUZZ` times as many under `make fuzz`."""
    return settings(max_examples=FUZZ * number, deadline=None)
