"""Requests drawn at random: the account, the command or mechanism, and a right or wrong password."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Literal

from extauth.harness.load.accounts import LoadAccount
from extauth.model import Secret
from extauth.protocol.requests import Dialect, SaslRequest, VrfyRequest, render_request

Distribution = Literal["zipf", "uniform"]

ExpectedRequest = tuple[bytes, bytes]
"""A request without its number, and the status that its reply must have."""

_OK, _ERROR = b"OK", b"ERROR"
_WRONG = b"not the password"
_OTHER_WRONG = b"another password"
_COMPARED = 8  # bytes that each password scheme compares at least

_Respond = Callable[[bytes, bytes], str]  # from password and challenge to response


def _cram_md5(password: bytes, challenge: bytes) -> str:
    """RFC 2195, section 2."""
    return hmac.digest(password, challenge, "md5").hex()


def _apop(password: bytes, challenge: bytes) -> str:
    """RFC 1939, section 7."""
    return hashlib.md5(challenge + password, usedforsecurity=False).hexdigest()


_KINDS: dict[str, _Respond | None] = {"VRFY": None, "CRAM-MD5": _cram_md5, "APOP": _apop}  # None: no challenge


def parse_mix(text: str) -> dict[str, float]:
    """Parse a mix of requests such as `vrfy=80,cram-md5=20` into kinds and shares. Raises ValueError.

    The kinds are the command VRFY and the mechanisms CRAM-MD5 and APOP. The default share is 1.
    """
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, equals, share = word.strip().partition("=")
        kind = name.upper()
        if kind not in _KINDS or kind in shares:
            raise ValueError(f"{name!r}: must be one of {', '.join(_KINDS).lower()}, each at most once")
        try:
            shares[kind] = float(share) if equals else 1.0
        except ValueError:
            raise ValueError(f"{share!r}: a share must be a number such as 80") from None
        if not 0 < shares[kind] < float("inf"):
            raise ValueError(f"{share!r}: a share must be above 0")
    return shares


class RequestGenerator:
    """Draws requests at random. The same seed gives the same requests, however many are drawn at once.

    `zipf`: the second account of the file comes half as often as the first, the third account a third as often, and so
    on. `mix` has the kinds of requests with their shares. `wrong` is the share of wrong passwords, from 0 to 1.
    """

    def __init__(
        self,
        accounts: Sequence[LoadAccount],
        distribution: Distribution,
        mix: Mapping[str, float],
        *,
        wrong: float,
        mode: str,
        seed: int,
    ) -> None:
        self.dialect = Dialect.CLASSIC
        self._accounts = accounts
        self._ranks = range(len(accounts))
        self._weights = list(accumulate(1 / (rank + 1) for rank in self._ranks)) if distribution == "zipf" else None
        self._kinds = list(mix)
        self._shares = list(accumulate(mix.values()))
        self._wrong = wrong
        self._mode = mode
        self._account_random, self._kind_random, self._wrong_random, self._challenge_random = (
            random.Random(f"{seed} {name}")  # noqa: S311  # not for secrets
            for name in ("who", "how", "chance", "challenge")
        )
        self._vrfy_requests: dict[tuple[int, bool], bytes] = {}

    def draw(self, count: int) -> list[ExpectedRequest]:
        """Return the next requests. Raises MalformedRequest if the dialect cannot express one."""
        ranks = self._account_random.choices(self._ranks, cum_weights=self._weights, k=count)
        kinds = self._kind_random.choices(self._kinds, cum_weights=self._shares, k=count)
        chance = self._wrong_random.random
        return [self._request(rank, kind, chance() < self._wrong) for rank, kind in zip(ranks, kinds, strict=True)]

    def _request(self, rank: int, kind: str, wrong: bool) -> ExpectedRequest:
        status = _ERROR if wrong else _OK
        if kind == "VRFY":
            request = self._vrfy_requests.get((rank, wrong))
            if request is None:
                request = self._vrfy_requests[rank, wrong] = self._vrfy_request(rank, wrong)
            return request, status
        return self._sasl_request(rank, kind, wrong), status

    def _vrfy_request(self, rank: int, wrong: bool) -> bytes:
        account = self._accounts[rank]
        password = Secret(_password(account, wrong))
        return render_request(VrfyRequest(b"", account.address, password, self._mode), self.dialect)

    def _sasl_request(self, rank: int, mechanism: str, wrong: bool) -> bytes:
        account, respond = self._accounts[rank], _KINDS[mechanism]
        assert respond is not None
        challenge = b"<%d.%d@harness>" % (self._challenge_random.getrandbits(48), rank)
        response = respond(_password(account, wrong), challenge).encode()
        request = SaslRequest(b"", mechanism, account.address, Secret(response), Secret(challenge), self._mode)
        return render_request(request, self.dialect)


def _password(account: LoadAccount, wrong: bool) -> bytes:
    password = account.password.reveal()
    if not wrong:
        return password
    return _WRONG if password[:_COMPARED] != _WRONG[:_COMPARED] else _OTHER_WRONG
