"""Asks the helper about accounts that the mail server does not have: *Consult External* (docs/mail-server-rules.md)."""

from __future__ import annotations

import asyncio

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.accounts import Accounts, MailAccount
from extauth.harness.mail.authenticator import HelperClient
from extauth.harness.mail.domain_settings import consults_external
from extauth.model import Account
from extauth.protocol.requests import NewRequest


class NotFound(msgspec.Struct, frozen=True):
    """There is no such account.

    reason: for the log
    is_temporary: the helper could not say whether the account exists; the client should try again later
    """

    reason: str
    is_temporary: bool = False


UNKNOWN = NotFound("unknown account")


class ConsultExternal:
    """Looks accounts up, and asks the helper about those that do not exist, if their domain says so."""

    def __init__(self, accounts: Accounts, helper: HelperClient) -> None:
        self._accounts = accounts
        self._helper = helper

    async def find(self, address: Account, protocol: str, *, is_login: bool) -> MailAccount | NotFound:
        """Return the account with this address. Its domain must exist.

        is_login: it is the name in a login. Otherwise it is the recipient of mail.
        """
        found = self._accounts.get(address)
        domain = self._accounts.find_domain(address.domain)
        if found is not None or domain is None or not consults_external(domain.settings, is_login=is_login):
            return found or UNKNOWN
        try:
            reply = await asyncio.wrap_future(
                self._helper.ask(lambda number: NewRequest(number, address.address, protocol))
            )
        except MalformedRequest:  # the classic dialect has no NEW
            return NotFound("unknown account: NEW not asked")
        if reply is None or reply.status not in ("OK", "ERROR"):
            return NotFound(f"NEW {'rejected' if reply is None else reply.status}", is_temporary=True)
        if reply.status == "ERROR":
            return NotFound("unknown account: NEW ERROR")
        created = self._accounts.get(address)  # the helper may have created it
        return created or NotFound("unknown account: NEW OK, but nobody has created it")
