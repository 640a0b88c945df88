"""Secrets that no text of a program may repeat: where they are hidden in it (docs/harness.md, "Passwords").

A text has no fields, so the harness cannot know where a secret stands. It decides by the length of the secret: a long
one is hidden everywhere, a short one only where a text is likely to have a password. Otherwise the password `x` would
hide each x.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain, islice

MASK = b"***"

LEAST_ANYWHERE = 8
"""Bytes. A secret of this length is hidden everywhere, also as a part of a word."""

LEAST_WORD = 4
"""Bytes. A secret of this length is hidden where it is a whole word, a shorter one only where a password may stand."""

_MAX_RECENT = 100_000  # secrets
_MAX_COMPARED = 1_000  # texts
_MAX_LENGTH = 256  # bytes

_LETTER = rb"[A-Za-z0-9\x80-\xff]"
# a word begins after something else than a letter, or after an escaped character: \n, \x0a, \012, %20
_WORD_BEGINS = rb"(?:(?<!%b)|(?<=\\[abfnrtv])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\[0-7]{3})|(?<=%%[0-9A-Fa-f]{2}))" % _LETTER
_WORD_ENDS = rb"(?!%b)" % _LETTER
# where a text may have a password: after =, : and quotes, after an address, after the word itself
_PASSWORD_WORD = rb"(?<![A-Za-z])(?i:passwords?|passwd|passphrase|pass|pwd|pw|secret|response)(?:\s+is)?"
_PASSWORD_PLACE = rb"(?:[=:\"'`]|@\S*\s+|" + _PASSWORD_WORD + rb"[\s=:\"'`(<]+)"


class RememberedSecrets:
    """Permanent secrets, and the latest 100,000 others. Only the first 256 bytes of a secret count.

    A program's line may be cut after these bytes. So the rest of a text is hidden after such a secret.
    """

    def __init__(self) -> None:
        self._permanent: dict[bytes, bytes] = {}  # with the account that has the secret, or nothing
        self._recent: OrderedDict[bytes, bytes] = OrderedDict()
        self._count = 0
        self._compared: dict[bytes, tuple[int, int, dict[bytes, bytes]]] = {}

    def add_permanent(self, secret: bytes, account: bytes = b"") -> None:
        """Remember `secret` of `account` for ever."""
        if secret:
            self._permanent[secret[:_MAX_LENGTH]] = account

    def add(self, secret: bytes, account: bytes = b"") -> None:
        """Remember `secret` of `account` until 100,000 others were added after it."""
        secret = secret[:_MAX_LENGTH]
        if not secret or secret in self._permanent:
            return
        self._recent[secret] = account
        self._recent.move_to_end(secret)
        self._count += 1
        if len(self._recent) > _MAX_RECENT:
            self._recent.popitem(last=False)

    def mask(self, text: bytes) -> bytes:
        """Return `text` with `***` in place of each secret that it repeats."""
        masked, end = b"", 0
        for start, stop in sorted(chain.from_iterable(_places(text, *each) for each in self._found_in(text).items())):
            if start >= end:
                masked += text[end:start] + MASK
            end = max(end, stop)
        return masked + text[end:]

    def _found_in(self, text: bytes) -> dict[bytes, bytes]:
        """Return the secrets whose bytes are in `text`. A text is compared with each secret only once."""
        permanent, count, found = self._compared.get(text, (0, 0, {}))
        new_permanent = islice(self._permanent.items(), permanent, None)
        new_recent = islice(reversed(self._recent.items()), self._count - count)
        found = found | {secret: account for secret, account in chain(new_permanent, new_recent) if secret in text}
        if len(self._compared) >= _MAX_COMPARED:
            self._compared.clear()
        self._compared[text] = (len(self._permanent), self._count, found)
        return found


def _places(text: bytes, secret: bytes, account: bytes) -> Iterator[tuple[int, int]]:
    """Yield where `text` has `secret` in a way that is hidden: from, to.

    The address of the account is no secret, also if its password is a part of it.
    """
    is_name = account.lower().startswith(secret.lower())
    for start in _starts(text, secret):
        if not (is_name and text[start : start + len(account)].lower() == account.lower()):
            yield start, len(text) if len(secret) == _MAX_LENGTH else start + len(secret)


def _starts(text: bytes, secret: bytes) -> Iterable[int]:
    if text.strip() == secret:
        return [text.index(secret)]
    escaped = re.escape(secret)
    if len(secret) >= LEAST_ANYWHERE:
        pattern = rb"(?=(%b))" % escaped  # also if it overlaps itself
    else:
        begins = _WORD_BEGINS if re.match(_LETTER, secret) else b""
        ends = _WORD_ENDS if re.match(_LETTER, secret[-1:]) else b""
        place = b"" if len(secret) >= LEAST_WORD else _PASSWORD_PLACE
        pattern = place + rb"(?=" + begins + rb"(" + escaped + rb")" + ends + rb")"
    return (match.start(1) for match in re.finditer(pattern, text))
