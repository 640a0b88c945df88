"""The seam to twisted: its protocols ask a portal for a login, and are given what the user may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred

from extauth.harness.mail.claims import Claim
from extauth.harness.mail.mechanisms import Exchange
from extauth.harness.mail.session import Login, Session


class Portal:
    """Lets in whom the session lets in, in the way of twisted's `cred`; `avatar` makes what a login may use."""

    def __init__(self, session: Session, avatar: Callable[[Login], Any]) -> None:
        self._session = session
        self._avatar = avatar

    def login(self, claim: Claim | Exchange, mind: None, *interfaces: Any) -> Deferred[tuple[Any, Any, Any]]:
        """Log in by a claim, or by the one that an exchange has made.

        The interface that the avatar provides, the avatar, and what is to be called at the end of its use. Fails with
        UnauthorizedLogin.
        """
        return Deferred.fromCoroutine(self._login(claim if isinstance(claim, Claim) else claim.claim, interfaces))

    async def _login(self, claim: Claim, interfaces: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        login = await self._session.log_in(claim)
        if login is None:
            raise UnauthorizedLogin
        avatar = self._avatar(login)
        return next(i for i in interfaces if i.providedBy(avatar)), avatar, lambda: None
