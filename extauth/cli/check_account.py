"""Which backends know an account, without its password."""

from __future__ import annotations

import os
import time

from extauth.chain import Chain, ConfiguredBackend
from extauth.cli.verify_way import call_backend
from extauth.config import Config
from extauth.errors import MalformedRequest
from extauth.model import Account, AccountRequest, FailureResult, SecretRequest, Verdict

_CANNOT_LOG_IN = {Verdict.USER_DISABLED: "locked, disabled or expired", Verdict.PASSWORD_EXPIRED: "password expired"}


def look_up_account(config: Config, chain: Chain, address: str) -> tuple[list[str], list[str]]:
    """Ask every backend of the account's domain. Return what they say, and warnings. It takes a deadline at most."""
    try:
        account = config.accounts.parse(os.fsencode(address).decode())
    except UnicodeDecodeError:
        return [], [f"{address}: is not UTF-8"]
    except MalformedRequest as error:
        return [], [f"{address}: the account has {error}"]
    if account is None:
        return [], [f"{address}: the domain is not a host name"]
    backends = chain.backends_of(account.domain)
    if not backends:
        return [], [f"{account}: no backend serves {account.domain}"]
    deadline = time.monotonic() + config.helper.deadline
    notes, unknown = [], 0
    for backend in backends:
        verdict, text = _look_up(backend, account, deadline)
        notes.append(f"{account}: {text}")
        unknown += verdict is Verdict.USER_UNKNOWN
    return notes, [f"{account}: no backend knows this account"] if unknown == len(backends) else []


def _look_up(backend: ConfiguredBackend, account: Account, deadline: float) -> tuple[Verdict | None, str]:
    """Return the verdict of one backend, None for a temporary failure, and a text."""
    result = call_backend(backend, AccountRequest(account), deadline).result
    reason = f": {result.reason}" if result.reason else ""
    if isinstance(result, FailureResult):
        return None, f"{backend.name} cannot say{reason}"
    if result.verdict is not Verdict.OK:
        return result.verdict, f"unknown in {backend.name}{reason}"
    state = call_backend(backend, SecretRequest(account), deadline).result
    if isinstance(state, FailureResult) or state.verdict not in _CANNOT_LOG_IN:
        return result.verdict, f"found in {backend.name}"
    why = f": {state.reason}" if state.reason else ""
    return result.verdict, f"found in {backend.name}, but cannot log in: {_CANNOT_LOG_IN[state.verdict]}{why}"
