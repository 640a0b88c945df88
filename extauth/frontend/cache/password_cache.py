"""The cache as the request handler uses it: verdicts that still count, and shared checks (single flight)."""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from extauth.frontend.cache.lines import CachedVerdict, KeyedDigest
from extauth.frontend.cache.verdicts import VerdictCache, is_about_the_account
from extauth.frontend.log import Log, RequestRecord
from extauth.model import Account, PasswordRequest, Result, Verdict, VerdictResult
from extauth.protocol.framing import Line
from extauth.workers.frontend_config import FrontendConfig


class SharedCheck(msgspec.Struct):
    """A password check that is under way. `keys`: the requests that wait for it; the first one was sent to a worker.

    `request` is removed when no request waits any longer, because it contains a password.
    """

    request: PasswordRequest | None
    account: Account
    digest: KeyedDigest
    keys: list[int]

    def join(self, key: int) -> None:
        """Let one more request wait."""
        self.keys.append(key)

    def waits(self, pending: Container[int]) -> bool:
        """Return whether one of its requests is in `pending`."""
        return any(key in pending for key in reversed(self.keys))

    def drop_password(self) -> None:
        """Keep no password: no request waits any longer."""
        self.request = None

    def drop_settled(self, pending: Container[int]) -> list[int]:
        """Keep only the requests in `pending`. Return the keys of the others."""
        settled = [key for key in self.keys if key not in pending]
        self.keys = [key for key in self.keys if key in pending]
        return settled


class PasswordCache:
    """With `[cache]`: a verdict cache, and equal password checks are sent to a worker only once (single flight).

    A new configuration or a changed file empties it, by `configure`. A verdict that replaces the earlier ones about its
    account also ends the sharing of the checks that began before: their results go to the requests that wait, but are
    not kept.
    """

    def __init__(self) -> None:
        self._cache: VerdictCache | None = None
        self.is_enabled = False
        self._by_digest: dict[KeyedDigest, SharedCheck] = {}
        self._digests: dict[Account, set[KeyedDigest]] = {}  # the keys of `_by_digest` of each account
        self._by_key: dict[int, SharedCheck] = {}  # for all requests that wait for a check, or have waited for it

    def configure(self, config: FrontendConfig) -> None:
        """Remove every verdict, and use this configuration."""
        settings = config.cache
        self._cache = None if settings is None else VerdictCache(settings)
        self.is_enabled = settings is not None
        self._by_digest.clear()
        self._digests.clear()

    def clear_lines(self) -> None:
        """Remove all lines, also those under way: the dialect has changed their meaning."""
        if self._cache is not None:
            self._cache.lines.clear()

    def reply(self, lines: list[Line], now: float, replies: list[bytes], log: Log) -> list[Line]:
        """Add the replies to known lines to `replies`, and log them. Return the lines that must be parsed."""
        cache = self._cache
        if cache is None:
            return lines
        if now >= cache.accepted.next_expiry:
            cache.accepted.expire(now)
        return cache.lines.reply(lines, now, replies, log)

    def take_rejected(self) -> list[Verdict]:
        """Return the verdicts of the rejected lines that `reply` has replied to since the last call."""
        return [] if self._cache is None else self._cache.lines.take_rejected()

    def digest(self, request: PasswordRequest) -> KeyedDigest:
        """Return the digest of this account with this password. The cache must be enabled."""
        assert self._cache is not None
        return self._cache.digest(request)

    def line_digest(self, line: bytes) -> KeyedDigest:
        """Return the digest of a line without its number. The cache must be enabled."""
        assert self._cache is not None
        return self._cache.lines.digest(line)

    def find(self, account: Account, digest: KeyedDigest, now: float) -> CachedVerdict | None:
        """Return the verdict that still counts, if there is one."""
        return None if self._cache is None else self._cache.find(account, digest, now)

    def add_line(
        self, line: KeyedDigest, cached: CachedVerdict, reply: bytes, record: RequestRecord | None = None
    ) -> None:
        """Give that line this reply as long as the verdict counts, and write `record` to the log then."""
        if self._cache is not None:
            self._cache.add_line(line, cached, reply, record)

    # --- single flight --------------------------------------------------------------------------------

    def join(self, request: PasswordRequest, digest: KeyedDigest, key: int, pending: Container[int]) -> bool:
        """Let the request `key` wait for this check. Return whether a request in `pending` has started it before."""
        check = self._by_digest.get(digest)
        if check is not None and check.keys[0] in pending:
            check.join(key)
            self._by_key[key] = check
            return True
        account = request.account
        self._by_digest[digest] = self._by_key[key] = SharedCheck(request, account, digest, [key])
        self._digests.setdefault(account, set()).add(digest)
        return False

    def drop_passwords(self, keys: Iterable[int], pending: Container[int]) -> None:
        """Drop the passwords of these requests' checks if no request that waits for them is in `pending` any longer."""
        if not self._by_key:
            return
        for key in keys:
            check = self._by_key.get(key)
            if check is not None and not check.waits(pending):
                check.drop_password()

    @property
    def has_checks(self) -> bool:
        """Whether a check is under way."""
        return bool(self._by_key)

    def has_check(self, key: int) -> bool:
        """Return whether the request `key` waits for a check, or has waited for one that is under way."""
        return key in self._by_key

    def finish(self, key: int, result: Result, now: float, *, keep: bool) -> tuple[list[int], CachedVerdict | None]:
        """End the check of the request `key`. Return the requests that waited for it, and the verdict if it is kept.

        `keep`: the verdict may be kept.
        """
        check = self._by_key[key]
        for each in check.keys:
            del self._by_key[each]
        is_current = self._by_digest.get(check.digest) is check
        if is_current:
            self._stop_sharing(check.account, [check.digest])
        if not (keep and is_current and isinstance(result, VerdictResult)) or result.provisional:
            return check.keys, None
        assert self._cache is not None
        if is_about_the_account(result.verdict):
            self._stop_sharing(check.account, [*self._digests.get(check.account, ())])
        if result.steps:  # they are about this check: their times and reasons differ from check to check
            result = msgspec.structs.replace(result, steps=())
        return check.keys, self._cache.store(check.account, check.digest, result, now)

    def _stop_sharing(self, account: Account, digests: list[KeyedDigest]) -> None:
        """Keep no verdict of these checks, and let no more requests join them."""
        for digest in digests:
            del self._by_digest[digest]
            self._digests[account].remove(digest)
        if digests and not self._digests[account]:
            del self._digests[account]

    def retry(self, key: int, pending: Container[int]) -> tuple[int, PasswordRequest] | None:
        """Return the check of the request `key` again, for the first request that joined it and still waits.

        None: no request waits. Used if the check failed until the first request's deadline: the others have later ones.
        """
        check = self._by_key[key]
        if not check.waits(pending):
            return None
        for settled in check.drop_settled(pending):
            del self._by_key[settled]
        assert check.request is not None  # a request waits for it
        return check.keys[0], check.request
