"""Request lines that came before, word for word, and whose verdict still counts: answered without being read again.

What is kept of a line is a keyed digest of what stands behind its number. Which words mean the same is not known here:
`User@Example.com` is learnt beside `user@example.com`, and both lead to one verdict.
"""

from __future__ import annotations

import time

from extauth.frontend.cache.keyed import Digest, new_keyed_hash
from extauth.frontend.cache.known import CachedVerdict
from extauth.frontend.cache.marks import DigestSet, split
from extauth.frontend.log import Log, Record
from extauth.frontend.reply_texts import ACCEPTED
from extauth.log_levels import Level
from extauth.protocol.framing import Line

_LONGEST_NUMBER = 64
_MOST_RECORDS = 50_000  # of some 300 bytes
_SPELLINGS = 2  # lines that are learnt, for each account whose verdict is kept


class LineCache:
    """Answers lines that it has learnt, for `size` accounts.

    Those that were accepted are `accepted` for as long as they are marked there. Of the others, where they are too
    many, all are forgotten.
    """

    def __init__(self, size: int) -> None:
        self.accepted = DigestSet(_SPELLINGS * size)
        self._most_refused = _SPELLINGS * size
        self._refused: dict[Digest, tuple[CachedVerdict, bytes]] = {}
        self._records: dict[Digest, Record] = {}
        self._hash = new_keyed_hash()

    def answer(self, lines: list[Line], now: float, replies: list[bytes], log: Log) -> list[Line]:
        """Add to `replies` those to lines that it knows; the others, and all behind one that is no `VRFY`.

        Such a one may change what the lines behind it mean, or be the last that is read. Where the log wants to hear
        of it, only that is known of which there is a record.
        """
        copy, marks, mask, refused = self._hash.copy, self.accepted.table, self.accepted.mask, self._refused
        records, tells_yes, tells_no = self._records, log.wants(Level.LOW_LEVEL), log.wants(Level.PROBLEMS)
        others: list[Line] = []
        for index, line in enumerate(lines):
            if not isinstance(line, bytes):
                return others + lines[index:]
            number, _, rest = line.partition(b" ")
            keyed = copy()
            keyed.update(rest)
            digest = keyed.digest()
            place, mark = split(digest)
            place &= mask
            if marks[place] == mark or marks[place + 1] == mark or marks[place + 2] == mark or marks[place + 3] == mark:
                answer, tells = ACCEPTED, tells_yes
            else:
                found = refused.get(digest)
                answer, tells = b"" if found is None or now >= found[0].until else found[1], tells_no
            record = records.get(digest) if tells else None
            if answer and (record or not tells) and number.isalnum() and len(number) <= _LONGEST_NUMBER:
                replies.append(number + answer)
                if record:
                    log.tell(record, time.monotonic() - now)
            elif rest.startswith(b"VRFY "):
                others.append(line)
            else:
                return others + lines[index:]
        return others

    def digest(self, line: bytes) -> Digest:
        """What stands for a line but for its number."""
        keyed = self._hash.copy()
        keyed.update(line.partition(b" ")[2])
        return keyed.digest()

    def refuse(self, line: Digest, known: CachedVerdict, answer: bytes) -> None:
        """Answer such a line so from now on, as long as that verdict counts."""
        if len(self._refused) >= self._most_refused:
            self._refused.clear()
        self._refused[line] = known, answer

    def tell(self, line: Digest, record: Record | None) -> None:
        """Tell the log that of such a line from now on, when it is answered."""
        if record is None:
            self._records.pop(line, None)
            return
        if len(self._records) >= _MOST_RECORDS:
            self._records.clear()
        self._records[line] = record

    def forget(self) -> None:
        """Know no line any more, nor what stands for one that is under way."""
        self._hash = new_keyed_hash()
        self._refused.clear()
        self._records.clear()
        self.accepted.clear()
