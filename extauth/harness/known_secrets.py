"""The secrets that no text may repeat, as far as they are remembered."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, islice

_MAX_LEARNED = 100_000
_MAX_COMPARED = 1_000  # texts
_MAX_LENGTH = 256  # bytes


class KnownSecrets:
    """Some that are kept for good, and the latest 100,000 of those that are learned while requests go by.

    Of a long one its first 256 bytes are all that counts: a program's line may have been cut behind them.
    """

    def __init__(self) -> None:
        self._kept: dict[bytes, None] = {}
        self._learned: OrderedDict[bytes, None] = OrderedDict()
        self._count = 0
        self._compared: dict[bytes, tuple[int, int]] = {}

    def keep(self, secret: bytes) -> None:
        """Remember `secret` for good."""
        if secret:
            self._kept[secret[:_MAX_LENGTH]] = None

    def learn(self, secret: bytes) -> None:
        """Remember `secret` until very many others have come since it last did."""
        secret = secret[:_MAX_LENGTH]
        if not secret or secret in self._kept:
            return
        self._learned[secret] = None
        self._learned.move_to_end(secret)
        self._count += 1
        if len(self._learned) > _MAX_LEARNED:
            self._learned.popitem(last=False)

    def stand_in(self, text: bytes) -> bool:
        """Whether one of them is in `text`; the same text is compared with the same secret only once."""
        kept, count = self._compared.get(text, (0, 0))
        if any(
            secret in text
            for secret in chain(islice(self._kept, kept, None), islice(reversed(self._learned), self._count - count))
        ):
            return True
        if len(self._compared) >= _MAX_COMPARED:
            self._compared.clear()
        self._compared[text] = (len(self._kept), self._count)
        return False
