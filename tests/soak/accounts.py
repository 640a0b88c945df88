"""The accounts of the soak test: what the password file says, and what it said before."""

from __future__ import annotations

import hashlib
import random
import time
from base64 import b64encode
from dataclasses import dataclass

RELOADED_WITHIN = 15.0
"""Seconds after which a changed file must be in use. Until then, both the old and the new password may be right.

A supervisor that dies while it loads is replaced after 10 seconds."""

_COUNT = 300
_CHANGED_TOGETHER = 20
_SINCE_EVER = float("-inf")
_FOREVER = float("inf")
_CLEAR = b"{PLAIN}"


@dataclass
class Password:
    """What the file says about an account, and when (monotonic seconds). `text` is None if there is no usable line."""

    text: bytes | None
    since: float
    until: float = _FOREVER


class Accounts:
    """Accounts with one password each. The password file may lack some of them for a time."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._names = [f"user{number}" for number in range(_COUNT)]
        self._right = dict.fromkeys(self._names, b"pw0")
        self._history = {name: [Password(text, _SINCE_EVER)] for name, text in self._right.items()}
        self._changes = 0

    # --- the password file ----------------------------------------------------------------------------

    def change(self) -> None:
        """Give some accounts new passwords. They count when the file is written."""
        self._changes += 1
        for name in self._random.sample(self._names, _CHANGED_TOGETHER):
            self._right[name] = b"pw%d" % self._changes

    def whole_file(self) -> bytes:
        """Return the file with a line for each account. From now on it says this."""
        for name, text in self._right.items():
            self._note(name, text)
        return b"".join(map(self._line, self._names))

    def cut_off(self) -> int:
        """Return a number of bytes: from now on the file is cut off there, in the line of some account."""
        victim = self._random.choice(self._names[: -_COUNT // 3])
        size = 0
        for name in self._names:
            line = self._line(name)
            if name == victim:
                kept = line[: self._random.randrange(1, len(line) - 1)]
                _, _, clear = kept.partition(_CLEAR)
                self._note(name, clear or None)
                cut = size + len(kept)
            elif name in self._names[self._names.index(victim) :]:
                self._note(name, None)
            size += len(line)
        return cut

    def _line(self, name: str) -> bytes:
        text = self._right[name]
        digest = b64encode(hashlib.sha1(text).digest())  # noqa: S324  # many sites still use it
        return (
            name.encode() + b"@files.example:" + (_CLEAR + text if has_clear_text(name) else b"{SHA}" + digest) + b"\n"
        )

    def _note(self, name: str, text: bytes | None) -> None:
        """From now on the file says this about an account."""
        now = time.monotonic()
        history = self._history[name]
        if history[-1].text != text:
            history[-1].until = now
            history.append(Password(text, now))
            while history[0].until < now - 10 * RELOADED_WITHIN:
                del history[0]

    # --- requests -------------------------------------------------------------------------------------

    def choose(self) -> tuple[str, bytes]:
        """Return an account, and its password or one that it had a short time ago."""
        name = self._random.choice(self._names)
        recent = self._history[name][-3:]
        return name, self._random.choice(recent).text or self._right[name]

    def may_be_right(self, name: str, text: bytes, since: float) -> bool:
        """Return whether a reply that comes now to a request of that time may say that the password is right."""
        return any(password.text == text for password in self._in_use(name, since))

    def may_be_wrong(self, name: str, text: bytes, since: float) -> bool:
        """Return whether it may say that the password is wrong."""
        return any(password.text != text for password in self._in_use(name, since))

    def history(self, name: str) -> str:
        """Return what the file has said about an account, for an error."""
        return f"now {time.monotonic()}, the file: {self._history[name]}"

    def _in_use(self, name: str, since: float) -> list[Password]:
        """Return what may have been in use since that time."""
        return [password for password in self._history[name] if password.until > since - RELOADED_WITHIN]


def has_clear_text(name: str) -> bool:
    """Return whether the file has the password in clear text. Every third account has; the others have a digest."""
    return int(name.removeprefix("user")) % 3 == 0
