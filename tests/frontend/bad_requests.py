"""Sends good requests at a steady rate with one bad request in ten among them, and measures the good ones."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.helper import PATIENCE, Helper, Site
from tests.plugins import plugin


@dataclass(frozen=True)
class Measured:
    """What became of the good requests: how many there were, how many got OK, and their times in seconds, sorted."""

    good: int
    right: int
    times: list[float]

    def quantile(self, share: float) -> float:
        """Return the time within which this share of the good requests got their replies."""
        return self.times[min(len(self.times) - 1, int(share * len(self.times)))]


def write_bad_requests_site(site: Site, *, seconds: float, repeatable: bool) -> None:
    """Configure a backend that takes `seconds` for a good request."""
    site.write("bad_requests_backend.py", plugin("bad_requests_backend.py"))
    site.configure(f"""\
[helper]
workers = 2
deadline = 5
[log]
mail_server_level = "Crashes Only"
[[backend]]
type = "bad_requests_backend.py:BadRequestsBackend"
seconds = {seconds}
repeatable = {str(repeatable).lower()}
""")


def run_with_bad_requests(
    site: Site, kind: str, *, rate: int, seconds: float, duration: float, repeatable: bool
) -> Measured:
    """Send requests for `duration` seconds, `rate` a second. Every tenth has the password `kind`."""
    write_bad_requests_site(site, seconds=seconds, repeatable=repeatable)
    helper = site.serve()
    assert helper.ask(b"0 VRFY first@example.com good") == b"OK"
    sent: dict[bytes, float] = {}
    arrived: dict[bytes, tuple[float, bytes]] = {}
    started = time.monotonic()
    total = int(rate * duration)
    for number in range(1, total + 1):
        due = started + number / rate
        while (left := due - time.monotonic()) > 0:
            _collect(helper, left, arrived)
        name = b"%d" % number
        password = kind.encode() if number % 10 == 5 else b"good"
        sent[name] = time.monotonic()
        helper.send(b"%s VRFY user%d@example.com %s" % (name, number, password))
    until = time.monotonic() + PATIENCE
    while len(arrived) < total and time.monotonic() < until:
        _collect(helper, until - time.monotonic(), arrived)
    assert len(arrived) == total, f"{total - len(arrived)} of {total} requests got no reply"
    good = [name for name in sent if int(name) % 10 != 5]
    right = [name for name in good if arrived[name][1] == b"OK"]
    assert all(arrived[name][1] in (b"OK", b"ERROR temporary failure") for name in sent)
    assert not [name for name in sent if name not in good and arrived[name][1] == b"OK"]
    return Measured(len(good), len(right), sorted(arrived[name][0] - sent[name] for name in right))


def _collect(helper: Helper, seconds: float, arrived: dict[bytes, tuple[float, bytes]]) -> None:
    """Take the replies that come within some seconds; return after the first ones."""
    helper.read_for(seconds)
    now = time.monotonic()
    for line in helper.replies:
        name, _, reply = line.partition(b" ")
        assert name not in arrived, f"{name!r} got two replies"
        arrived[name] = now, reply
    helper.replies.clear()
