"""Who has which password when: what is asked, and what may be answered to it."""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass

TAKES_OVER_WITHIN = 15.0
"""Seconds after which a changed file must count, though the process that notices it was killed for the second time, and
is replaced after 10; until then, old and new passwords are both right."""

OK = b"OK"
INCORRECT = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
MALFORMED = b"ERROR malformed request"

# kinds of requests, and how often they come
_IN_PEACE = {
    "verify": 50_000,
    "wrong": 10_000,
    "challenge": 10_000,
    "unknown": 5_000,
    "plugin": 5_000,
    "malformed": 1_000,
}
_DISTURBING = {"hang": 3, "crash": 2, "raise": 20}

_CHALLENGE = b"<1@soak.example>"
_ACCOUNTS = 300
_ALWAYS = float("-inf")
_STILL = float("inf")


@dataclass
class Password:
    """A password that an account has, or has had, between two times (monotonic seconds)."""

    text: bytes
    since: float
    until: float = _STILL


@dataclass
class Asked:
    """A request under way, and the password that it asked about, if any."""

    kind: str
    since: float
    password: Password | None = None


class Ledger:
    """Makes requests, and judges the replies. An account has one password at a time; each has a number in it."""

    def __init__(self, seed: int, deadline: float) -> None:
        self._random = random.Random(seed)  # what is asked, and no secret
        self._deadline = deadline
        self._accounts = {f"user{number}": [Password(b"pw0", _ALWAYS)] for number in range(_ACCOUNTS)}
        self._number = 0
        self.under_way: dict[bytes, Asked] = {}
        self.answered: Counter[tuple[str, str]] = Counter()

    def password_file(self) -> str:
        """The accounts as `files` reads them: every third in the clear, the others as digests."""
        lines = []
        for number, (name, passwords) in enumerate(self._accounts.items()):
            text = passwords[-1].text
            digest = b64encode(hashlib.sha1(text).digest()).decode()  # noqa: S324  # what many sites have
            lines.append(f"{name}@files.example:{'{PLAIN}' + text.decode() if number % 3 == 0 else '{SHA}' + digest}\n")
        return "".join(lines)

    def change_some(self) -> None:
        """Give some accounts new passwords, as of now."""
        now = time.monotonic()
        for passwords in self._random.sample(list(self._accounts.values()), 20):
            passwords[-1].until = now
            passwords.append(Password(b"pw%d" % len(passwords), now))

    def next_request(self, *, in_peace: bool = False) -> bytes:
        """A request, which is under way from now on; `in_peace` none that does anything to a worker."""
        self._number += 1
        number = b"%d" % self._number
        kinds = _IN_PEACE if in_peace else _IN_PEACE | _DISTURBING
        kind = self._random.choices(list(kinds), list(kinds.values()))[0]
        account = self._random.choice(list(self._accounts))
        passwords = self._accounts[account]
        chosen = self._random.choice(passwords[-3:])
        asked = Asked(kind, time.monotonic())
        address = f"{account}@files.example".encode()
        if kind == "verify":
            asked.password = chosen
            line = b"%b VRFY %b %b" % (number, address, chosen.text)
        elif kind == "wrong":
            line = b"%b VRFY %b pw-1" % (number, address)
        elif kind == "challenge":
            asked.password = chosen
            line = b"%b SASL(CRAM-MD5) %b %b %b" % (number, address, _response(chosen.text), _CHALLENGE)
            if int(account.removeprefix("user")) % 3:
                asked.kind, asked.password = "wrong", None  # it is stored one-way
        elif kind == "malformed":
            line = b"%b VRFY" % number
        elif kind == "unknown":
            line = b"%b VRFY nobody%d@files.example pw0" % (number, self._random.randrange(1_000))
        else:
            line = b"%b VRFY %b%d@plugin.example open" % (number, kind.encode(), self._random.randrange(1_000))
        self.under_way[number] = asked
        return line

    def judge(self, reply: bytes) -> None:
        """Take a reply; AssertionError where that may not be answered, or was not asked."""
        number, _, answer = reply.partition(b" ")
        asked = self.under_way.pop(number, None)
        assert asked is not None, f"{reply!r} answers nothing that is asked"
        now = time.monotonic()
        allowed = self._allowed(asked, now)
        assert answer in allowed, f"{asked} was answered {answer!r}, and not by one of {allowed}"
        took = now - asked.since
        assert took < self._deadline + 3, f"{asked} was answered after {took:.1f} s"
        self.answered[asked.kind, answer.decode()] += 1

    def look(self) -> None:
        """AssertionError where a request has waited for longer than any may."""
        oldest = next(iter(self.under_way.items()), None)
        if oldest is not None:
            number, asked = oldest
            assert time.monotonic() - asked.since < self._deadline + 3, f"{number!r}, {asked}, is not answered"

    @staticmethod
    def _allowed(asked: Asked, now: float) -> set[bytes]:
        if asked.kind == "malformed":
            return {MALFORMED}
        if asked.kind == "plugin":
            return {OK, TEMPORARY}
        if asked.kind in ("hang", "crash", "raise"):
            return {TEMPORARY}
        if asked.password is None:
            return {INCORRECT, TEMPORARY}
        allowed = {TEMPORARY}
        if asked.password.until + TAKES_OVER_WITHIN > asked.since:
            allowed.add(OK)
        if asked.password.since + TAKES_OVER_WITHIN > asked.since or asked.password.until < now:
            allowed.add(INCORRECT)
        return allowed

    def shares_of_temporary(self) -> dict[str, float]:
        """How many of the requests that nothing is wrong with could not be answered, by their kind."""
        asked, temporary = Counter[str](), Counter[str]()
        for (kind, answer), count in self.answered.items():
            asked[kind] += count
            temporary[kind] += count if answer == TEMPORARY.decode() else 0
        return {kind: temporary[kind] / asked[kind] for kind in _IN_PEACE}


def _response(password: bytes) -> bytes:
    return hmac.new(password, _CHALLENGE, "md5").hexdigest().encode()
