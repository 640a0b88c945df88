"""Request lines that came before, word for word, and whose verdict still counts: answered without being read again.

What is kept of a line is a keyed digest of what stands behind its number. Which words mean the same is not known here:
`User@Example.com` has an entry of its own beside `user@example.com`, and both lead to one verdict.
"""

from __future__ import annotations

from extauth.protocol.framing import Line
from extauth.server.cache import Known
from extauth.server.keyed import Digest, new_keyed_hash

_LONGEST_NUMBER = 64


class Shortcut:
    """Answers lines that it has learnt: `size` of them, then it begins anew."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._hash = new_keyed_hash()
        self._learnt: dict[Digest, tuple[Known, bytes]] = {}

    def answer(self, lines: list[Line], now: float, replies: list[bytes]) -> list[Line]:
        """Add to `replies` those to lines that it knows; the others, and all behind one that is no `VRFY`.

        Such a one may change what the lines behind it mean, or be the last that is read.
        """
        copy, learnt = self._hash.copy, self._learnt
        others: list[Line] = []
        for place, line in enumerate(lines):
            if not isinstance(line, bytes):
                return others + lines[place:]
            number, _, rest = line.partition(b" ")
            keyed = copy()
            keyed.update(rest)
            found = learnt.get(keyed.digest())
            if found is not None and now < found[0].until and number.isalnum() and len(number) <= _LONGEST_NUMBER:
                replies.append(number + found[1])
            elif rest.startswith(b"VRFY "):
                others.append(line)
            else:
                return others + lines[place:]
        return others

    def digest(self, line: bytes) -> Digest:
        """What stands for a line but for its number."""
        keyed = self._hash.copy()
        keyed.update(line.partition(b" ")[2])
        return keyed.digest()

    def learn(self, line: Digest, known: Known, answer: bytes) -> None:
        """Answer such a line so from now on, as long as that verdict counts."""
        if len(self._learnt) >= self.size:
            self._learnt.clear()
        self._learnt[line] = known, answer
