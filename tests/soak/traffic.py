"""The requests of the soak test, and the replies that are allowed."""

from __future__ import annotations

import hmac
import random
import time
from collections import Counter
from dataclasses import dataclass

from tests.soak.accounts import Accounts, has_clear_text

OK = b"OK"
INCORRECT = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
MALFORMED = b"ERROR malformed request"
UNKNOWN = b"ERROR unknown account"
NOT_NOW = b"FAILURE temporary failure"

THROTTLED_BEYOND = 30
"""Different wrong passwords after which the logins of an account wait. Few accounts have so many."""
MOST_WAITING = 8
"""Logins of one account that may wait (docs/throttle.md)."""

# kinds of requests and their weights
_HARMLESS = {
    "verify": 50_000,
    "wrong": 10_000,
    "challenge": 10_000,
    "unknown": 5_000,
    "plugin": 5_000,
    "malformed": 1_000,
    "emergency": 1_000,
    "unavailable": 300,
    "guess": 150,
    "guessed": 30,
    "mover": 60,
    "new": 60,
    "new unknown": 20,
}
_HARMFUL = {"hang": 6, "crash": 6, "raise": 20}
_FAILING = ("hang", "crash", "raise", "unavailable")
_PROVISIONED = ("new", "new unknown")  # they fail while the mail server does
_IN_OUTAGE = "plugin in an outage"

_PLUGIN_ACCOUNTS = 1_000  # of each kind
_NAMES = 1_000  # accounts of the names file
_GUESSED = 2  # of them, accounts whose passwords are guessed
_MOVERS = 20  # accounts of the plugin whose passwords change with each login
_CHALLENGE = b"<1@soak.example>"


@dataclass
class SentRequest:
    """A request under way. `password`: the account and the password that it used, if the file may have them.

    `guessed`: the account, if its password is guessed. `is_crowded`: too many of its logins may wait already.
    """

    kind: str
    since: float
    password: tuple[str, bytes] | None = None
    guessed: int | None = None
    is_crowded: bool = False


class Traffic:
    """Makes requests and checks replies."""

    def __init__(self, seed: int, deadline: float) -> None:
        self._random = random.Random(seed)  # chooses requests, not secrets
        self._deadline = deadline
        self._number = 0
        self._outage_over = 0.0
        self.accounts = Accounts(self._random)
        self.under_way: dict[bytes, SentRequest] = {}
        self.answered: Counter[tuple[str, str]] = Counter()

    @staticmethod
    def emergency_file() -> str:
        """Return the password file of the emergency backend."""
        return "".join(f"emergency{number}@plugin.example:{{PLAIN}}open\n" for number in range(_PLUGIN_ACCOUNTS))

    @staticmethod
    def names_file() -> str:
        """Return the password file with the accounts that the mail server may create."""
        return "".join(f"name{number}@new.example:{{PLAIN}}open\n" for number in range(_NAMES))

    def expect_outage(self, seconds: float) -> None:
        """From now on the plugin is unavailable for some seconds."""
        self._outage_over = time.monotonic() + seconds

    def next_request(self, *, harmless_only: bool = False) -> bytes:
        """Return a new request, which is now under way. `harmless_only`: none that hangs, crashes or raises."""
        self._number += 1
        number = b"%d" % self._number
        kinds = _HARMLESS if harmless_only else _HARMLESS | _HARMFUL
        kind = self._random.choices(list(kinds), list(kinds.values()))[0]
        request = SentRequest(kind, time.monotonic())
        name, text = self.accounts.choose()
        address = f"{name}@files.example".encode()
        if kind == "verify":
            request.password = name, text
            line = b"%b VRFY %b %b" % (number, address, text)
        elif kind == "wrong":
            line = b"%b VRFY %b pw-1" % (number, address)
        elif kind == "challenge":
            line = b"%b SASL(CRAM-MD5) %b %b %b" % (number, address, _response(text), _CHALLENGE)
            if has_clear_text(name):
                request.password = name, text
            else:
                request.kind = "wrong"
        elif kind == "malformed":
            line = b"%b VRFY" % number
        elif kind == "unknown":
            line = b"%b VRFY nobody%d@files.example pw0" % (number, self._random.randrange(1_000))
        elif kind in ("guess", "guessed"):
            request.guessed = self._random.randrange(_GUESSED)
            others = sum(request.guessed == each.guessed for each in self.under_way.values())
            request.is_crowded = others >= MOST_WAITING
            password = b"open" if kind == "guessed" else b"guess%b" % number
            line = b"%b VRFY name%d@new.example %b" % (number, request.guessed, password)
        elif kind == "mover":
            line = b"%b VRFY mover%d@plugin.example word%b" % (number, self._random.randrange(_MOVERS), number)
        elif kind == "new":
            line = b"%b NEW name%d@new.example" % (number, self._random.randrange(_NAMES))
        elif kind == "new unknown":
            line = b"%b NEW nobody@new.example" % number
        else:
            which = self._random.randrange(_PLUGIN_ACCOUNTS)
            line = b"%b VRFY %b%d@plugin.example open" % (number, kind.encode(), which)
        self.under_way[number] = request
        return line

    def check_reply(self, reply: bytes) -> None:
        """Take a reply. Raises AssertionError if it is not allowed or answers no request."""
        number, _, text = reply.partition(b" ")
        request = self.under_way.pop(number, None)
        assert request is not None, f"{reply!r} answers no request"
        allowed = self._allowed(request)
        known = self.accounts.history(request.password[0]) if request.password else ""
        assert text in allowed, f"{request} got {text!r}, not one of {allowed}; {known}"
        took = time.monotonic() - request.since
        assert took < self._deadline + 3, f"{request} got its reply after {took:.1f} s"
        in_outage = request.kind in ("plugin", "mover") and request.since < self._outage_over
        self.answered[_IN_OUTAGE if in_outage else request.kind, text.decode()] += 1

    def check_waiting(self) -> None:
        """Raises AssertionError if a request has waited too long for its reply."""
        oldest = next(iter(self.under_way.items()), None)
        if oldest is not None:
            number, request = oldest
            assert time.monotonic() - request.since < self._deadline + 3, f"no reply to {number!r}, {request}"

    def _allowed(self, request: SentRequest) -> set[bytes]:
        if request.kind == "malformed":
            return {MALFORMED}
        if request.kind in ("plugin", "emergency", "mover"):
            return {OK, TEMPORARY}
        if request.kind in _PROVISIONED:
            return {OK if request.kind == "new" else UNKNOWN, NOT_NOW}
        if request.kind == "guessed":
            return {OK, TEMPORARY, INCORRECT} if request.is_crowded else {OK, TEMPORARY}
        if request.kind in _FAILING:
            return {TEMPORARY}
        if request.password is None:
            return {INCORRECT, TEMPORARY}
        allowed = {TEMPORARY}
        if self.accounts.may_be_right(*request.password, request.since):
            allowed.add(OK)
        if self.accounts.may_be_wrong(*request.password, request.since):
            allowed.add(INCORRECT)
        return allowed

    def shares_of_temporary(self) -> dict[str, float]:
        """Return the share of temporary failures of each kind of request that should have none."""
        total, temporary = Counter[str](), Counter[str]()
        for (kind, text), count in self.answered.items():
            total[kind] += count
            temporary[kind] += count if text == TEMPORARY.decode() else 0
        return {
            kind: temporary[kind] / max(1, total[kind]) for kind in _HARMLESS if kind not in _FAILING + _PROVISIONED
        }

    def table(self) -> str:
        """Return the counts of replies, a line for each kind and reply."""
        rows = [f"{kind:20} {text:25} {count:10}" for (kind, text), count in sorted(self.answered.items())]
        return "\n".join([*rows, f"{'all':46} {self.answered.total():10}"])


def _response(password: bytes) -> bytes:
    return hmac.new(password, _CHALLENGE, "md5").hexdigest().encode()
