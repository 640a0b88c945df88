"""What is asked: which account, how often which, with which method, and with a right or a wrong password."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Literal

from extauth.harness.load.methods import METHODS
from extauth.harness.load.population import Login
from extauth.model import Secret
from extauth.protocol.requests import Dialect, SaslRequest, VrfyRequest, render_request

Distribution = Literal["zipf", "uniform"]

Ask = tuple[bytes, bytes]
"""A request without its number, and the status that the reply must have."""

_OK, _ERROR = b"OK", b"ERROR"
_WRONG = b"not the password"
_OTHER_WRONG = b"another password"
_COMPARED = 8  # bytes: the least that any scheme looks at


class Traffic:
    """Draws requests at random, the same for the same seed however many are drawn at once.

    `zipf`: the second account of the file comes half as often as the first, the third a third, and so on.
    `wrong` is the share of wrong passwords, from 0 to 1.
    """

    def __init__(
        self,
        logins: Sequence[Login],
        distribution: Distribution,
        methods: Mapping[str, float],
        *,
        wrong: float,
        mode: str,
        seed: int,
    ) -> None:
        self.dialect = Dialect.CLASSIC
        self._logins = logins
        self._ranks = range(len(logins))
        self._weights = list(accumulate(1 / (rank + 1) for rank in self._ranks)) if distribution == "zipf" else None
        self._methods = list(methods)
        self._shares = list(accumulate(methods.values()))
        self._wrong = wrong
        self._mode = mode
        self._who, self._how, self._chance, self._challenge = (
            random.Random(f"{seed} {what}")  # noqa: S311  # nothing secret is made of it
            for what in ("who", "how", "chance", "challenge")
        )
        self._verifications: dict[tuple[int, bool], bytes] = {}

    def draw(self, count: int) -> list[Ask]:
        """The next requests. Raises MalformedRequest where the dialect cannot say one."""
        who = self._who.choices(self._ranks, cum_weights=self._weights, k=count)
        how = self._how.choices(self._methods, cum_weights=self._shares, k=count)
        chance = self._chance.random
        return [self._ask(rank, method, chance() < self._wrong) for rank, method in zip(who, how, strict=True)]

    def _ask(self, rank: int, method: str, wrong: bool) -> Ask:
        status = _ERROR if wrong else _OK
        if method == "VRFY":
            known = self._verifications.get((rank, wrong))
            if known is None:
                known = self._verifications[rank, wrong] = self._verification(rank, wrong)
            return known, status
        return self._response(rank, method, wrong), status

    def _verification(self, rank: int, wrong: bool) -> bytes:
        login = self._logins[rank]
        password = Secret(_password(login, wrong))
        return render_request(VrfyRequest(b"", login.address, password, self._mode), self.dialect)

    def _response(self, rank: int, method: str, wrong: bool) -> bytes:
        login, respond = self._logins[rank], METHODS[method]
        assert respond is not None
        challenge = b"<%d.%d@harness>" % (self._challenge.getrandbits(48), rank)
        response = respond(_password(login, wrong), challenge).encode()
        request = SaslRequest(b"", method, login.address, Secret(response), Secret(challenge), self._mode)
        return render_request(request, self.dialect)


def _password(login: Login, wrong: bool) -> bytes:
    password = login.password.reveal()
    if not wrong:
        return password
    return _WRONG if password[:_COMPARED] != _WRONG[:_COMPARED] else _OTHER_WRONG
