"""Good logins while somebody guesses: at known accounts with the throttle, and at unknown names without it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from passlib.hash import sha512_crypt  # type: ignore[import-untyped]  # it has no types

from extauth.model import Secret
from extauth.passwords.make import make_hash
from tests.helper import PATIENCE, Helper, Site, wait_for_serving

_DURATION = min(30.0, float(os.environ.get("SOAK", "600")) / 10)  # seconds
_TICK = 0.01  # seconds between two batches of requests
_LONGEST = 1.0  # seconds within which 99 % of the good logins must have their replies


class Traffic:
    """Sends requests at steady rates, and keeps the replies to good logins with their times in seconds."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._sent: dict[bytes, float] = {}
        self._number = 0
        self.good: list[tuple[bytes, float]] = []
        self.guesses = 0
        self.accepted_guesses = 0

    def run(self, seconds: float, rates: dict[str, int], request: Callable[[str, int], bytes]) -> None:
        """Send for `seconds`. `rates`: requests a second of each kind; `request` makes one, without its number."""
        begun = time.monotonic()
        counts = dict.fromkeys(rates, 0)
        while (passed := time.monotonic() - begun) < seconds:
            lines = []
            for kind, rate in rates.items():
                while counts[kind] < rate * passed:
                    counts[kind] += 1
                    lines.append(self._numbered(kind, request(kind, counts[kind])))
            self._helper.send(*lines)
            self._collect(_TICK)
        until = time.monotonic() + PATIENCE
        while self._sent and time.monotonic() < until:
            self._collect(until - time.monotonic())
        assert not self._sent, f"{len(self._sent)} requests got no reply"

    def _numbered(self, kind: str, request: bytes) -> bytes:
        self._number += 1
        name = b"%s%d" % (kind[0].encode(), self._number)
        self._sent[name] = time.monotonic()
        return name + b" " + request

    def _collect(self, seconds: float) -> None:
        self._helper.read_for(seconds)
        now = time.monotonic()
        for line in self._helper.replies:
            name, _, reply = line.partition(b" ")
            taken = now - self._sent.pop(name)
            if name.startswith(b"l"):
                self.good.append((reply, taken))
            else:
                self.guesses += 1
                self.accepted_guesses += reply == b"OK"
        self._helper.replies.clear()


def _lines(count: int, stored: str) -> Iterator[str]:
    for number in range(count):
        yield f"user{number}@example.com:{stored}\n"


def test_throttle_keeps_good_logins_quick(site: Site) -> None:
    site.write("passwd", "".join(_lines(200, sha512_crypt.using(rounds=5_000).hash("right"))))
    site.configure(
        '[helper]\nworkers = 2\n[throttle]\n[log]\nmail_server_level = "Failures"\n'
        '[[backend]]\ntype = "files"\npath = "passwd"\n'
    )
    helper = site.serve()
    helper.log_in(*(f"user{number}@example.com" for number in range(100)), password="right")
    traffic = Traffic(helper)

    def request(kind: str, number: int) -> bytes:
        if kind == "login":
            return b"VRFY user%d@example.com right" % (number % 100)
        return b"VRFY user%d@example.com guess%d" % (100 + number % 100, number)

    traffic.run(_DURATION, {"login": 100, "guess": 10_000}, request)
    times = sorted(taken for reply, taken in traffic.good if reply == b"OK")
    p99 = times[int(0.99 * len(times))]
    print(f"\n{traffic.guesses} guesses, {len(traffic.good)} logins, {len(times)} right, p99 {p99 * 1000:.0f} ms")
    assert len(times) == len(traffic.good)
    assert not traffic.accepted_guesses  # some are not checked before their deadline
    assert p99 < _LONGEST


def test_unknown_names_leave_known_accounts_their_turn(site: Site) -> None:
    site.write("passwd", "".join(_lines(2, make_hash(Secret(b"right"), "ARGON2ID").decode())))
    site.configure('[helper]\nworkers = 2\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    wait_for_serving(helper, 1)
    helper.log_in("user0@example.com", "user1@example.com", password="right")
    traffic = Traffic(helper)

    def request(kind: str, number: int) -> bytes:
        if kind == "login":
            return b"VRFY user%d@example.com right" % (number % 2)
        return b"VRFY nobody%d@example.com guess" % number

    traffic.run(22.0, {"login": 1, "guess": 10}, request)
    right = sum(reply == b"OK" for reply, _ in traffic.good)
    print(f"\n{traffic.guesses} unknown names, {len(traffic.good)} logins, {right} right")
    assert right >= len(traffic.good) - 2
