"""docs/log-messages.md and docs/log-reasons.md have every message and reason that extauth logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.log_messages import Source
from tests.paths import ROOT

PAGES = ["log-messages.md", "log-reasons.md"]
FOLDERS = ["backends", "chain", "communigate", "frontend", "mechanisms", "passwords", "protocol", "workers"]
NOT_ON_THE_PAGES = {
    "a request of the helper dialect",  # the harness alone renders requests
    "an account that is not text",
    "a mode that fits no dialect",
    "an account that looks like a mode",
    "a field that fits only the helper dialect",
}


def missing(source: Source, page: str) -> list[str]:
    """Return the parts of messages, of two words or more, that are not on a page."""
    words = " ".join(page.replace("`", "").split())
    found = []
    for part in source.parts():
        text = " ".join(part.text.split()).strip(' :;,.()"')
        if " " in text and text not in words and text not in NOT_ON_THE_PAGES:
            found.append(f"{part.place}: {text}")
    return sorted(set(found))


def test_pages_have_every_message_of_the_source() -> None:
    source = Source(ROOT / "extauth", FOLDERS)
    assert len({part.text for part in source.parts()}) > 200
    assert missing(source, "\n".join((ROOT / "docs" / page).read_text() for page in PAGES)) == []


@pytest.mark.parametrize(
    "code",
    [
        'self._log.write(Level.FAILURES, f"an unknown {thing} came")',
        'self.log.warning("%s came an unknown way", thing)',
        'text = "came an unknown way" if thing else ""\n    self.log.error(text)',
        'self._end(f"{thing}: came an unknown way")\ndef _end(self, why):\n    self.log.error("%s", why)',
        'self._why = "came an unknown way"\n    self.log.error("%s", self._why)',
        'return Verdict.USER_DISABLED.because("came an unknown way")',
    ],
)
def test_message_that_the_pages_lack_is_found(code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"def function(self, thing):\n    {code}\n")
    (found,) = missing(Source(tmp_path, ["."]), "another page")
    assert re.fullmatch(r"module.py:\d: (an|came an) unknown.*", found)
