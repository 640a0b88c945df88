"""The requests of the soak test, and the replies that are allowed."""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass

RELOADED_WITHIN = 15.0
"""Seconds after which a changed file must be in use. Until then, both the old and the new password may be right.

The process that notices changes may die twice. Then it is replaced after 10 seconds."""

OK = b"OK"
INCORRECT = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
MALFORMED = b"ERROR malformed request"

# kinds of requests and their weights
_HARMLESS = {
    "verify": 50_000,
    "wrong": 10_000,
    "challenge": 10_000,
    "unknown": 5_000,
    "plugin": 5_000,
    "malformed": 1_000,
}
_HARMFUL = {"hang": 3, "crash": 2, "raise": 20}

_CHALLENGE = b"<1@soak.example>"
_ACCOUNTS = 300
_SINCE_EVER = float("-inf")
_FOREVER = float("inf")


@dataclass
class Password:
    """A password of an account and when it is valid (monotonic seconds)."""

    text: bytes
    since: float
    until: float = _FOREVER


@dataclass
class SentRequest:
    """A request under way, and the stored password that it used, if any."""

    kind: str
    since: float
    password: Password | None = None


class Traffic:
    """Makes requests and checks replies. An account has one password at a time."""

    def __init__(self, seed: int, deadline: float) -> None:
        self._random = random.Random(seed)  # chooses requests, not secrets
        self._deadline = deadline
        self._accounts = {f"user{number}": [Password(b"pw0", _SINCE_EVER)] for number in range(_ACCOUNTS)}
        self._number = 0
        self.under_way: dict[bytes, SentRequest] = {}
        self.answered: Counter[tuple[str, str]] = Counter()

    def password_file(self) -> str:
        """Return a file for `files`: every third password in clear text, the others as digests."""
        lines = []
        for number, (name, passwords) in enumerate(self._accounts.items()):
            text = passwords[-1].text
            digest = b64encode(hashlib.sha1(text).digest()).decode()  # noqa: S324  # many sites still use it
            lines.append(f"{name}@files.example:{'{PLAIN}' + text.decode() if number % 3 == 0 else '{SHA}' + digest}\n")
        return "".join(lines)

    def change_passwords(self) -> None:
        """Give some accounts new passwords."""
        now = time.monotonic()
        for passwords in self._random.sample(list(self._accounts.values()), 20):
            passwords[-1].until = now
            passwords.append(Password(b"pw%d" % len(passwords), now))

    def next_request(self, *, harmless_only: bool = False) -> bytes:
        """Return a new request, which is now under way. `harmless_only`: none that hangs, crashes or raises."""
        self._number += 1
        number = b"%d" % self._number
        kinds = _HARMLESS if harmless_only else _HARMLESS | _HARMFUL
        kind = self._random.choices(list(kinds), list(kinds.values()))[0]
        account = self._random.choice(list(self._accounts))
        passwords = self._accounts[account]
        chosen = self._random.choice(passwords[-3:])
        request = SentRequest(kind, time.monotonic())
        address = f"{account}@files.example".encode()
        if kind == "verify":
            request.password = chosen
            line = b"%b VRFY %b %b" % (number, address, chosen.text)
        elif kind == "wrong":
            line = b"%b VRFY %b pw-1" % (number, address)
        elif kind == "challenge":
            request.password = chosen
            line = b"%b SASL(CRAM-MD5) %b %b %b" % (number, address, _response(chosen.text), _CHALLENGE)
            if int(account.removeprefix("user")) % 3:
                request.kind, request.password = "wrong", None  # stored as a digest
        elif kind == "malformed":
            line = b"%b VRFY" % number
        elif kind == "unknown":
            line = b"%b VRFY nobody%d@files.example pw0" % (number, self._random.randrange(1_000))
        else:
            line = b"%b VRFY %b%d@plugin.example open" % (number, kind.encode(), self._random.randrange(1_000))
        self.under_way[number] = request
        return line

    def check_reply(self, reply: bytes) -> None:
        """Take a reply. Raises AssertionError if it is not allowed or answers no request."""
        number, _, text = reply.partition(b" ")
        request = self.under_way.pop(number, None)
        assert request is not None, f"{reply!r} answers no request"
        now = time.monotonic()
        allowed = self._allowed(request, now)
        assert text in allowed, f"{request} got {text!r}, not one of {allowed}"
        took = now - request.since
        assert took < self._deadline + 3, f"{request} got its reply after {took:.1f} s"
        self.answered[request.kind, text.decode()] += 1

    def check_waiting(self) -> None:
        """Raises AssertionError if a request has waited too long for its reply."""
        oldest = next(iter(self.under_way.items()), None)
        if oldest is not None:
            number, request = oldest
            assert time.monotonic() - request.since < self._deadline + 3, f"no reply to {number!r}, {request}"

    @staticmethod
    def _allowed(request: SentRequest, now: float) -> set[bytes]:
        if request.kind == "malformed":
            return {MALFORMED}
        if request.kind == "plugin":
            return {OK, TEMPORARY}
        if request.kind in ("hang", "crash", "raise"):
            return {TEMPORARY}
        if request.password is None:
            return {INCORRECT, TEMPORARY}
        allowed = {TEMPORARY}
        if request.password.until + RELOADED_WITHIN > request.since:
            allowed.add(OK)
        if request.password.since + RELOADED_WITHIN > request.since or request.password.until < now:
            allowed.add(INCORRECT)
        return allowed

    def shares_of_temporary(self) -> dict[str, float]:
        """Return the share of temporary failures of each kind of harmless request."""
        total, temporary = Counter[str](), Counter[str]()
        for (kind, text), count in self.answered.items():
            total[kind] += count
            temporary[kind] += count if text == TEMPORARY.decode() else 0
        return {kind: temporary[kind] / total[kind] for kind in _HARMLESS}


def _response(password: bytes) -> bytes:
    return hmac.new(password, _CHALLENGE, "md5").hexdigest().encode()
