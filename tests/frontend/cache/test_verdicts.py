"""The verdicts that the cache keeps: keys, times and replacement."""

from __future__ import annotations

import pytest

from extauth.config import CacheSettings
from extauth.frontend.cache.verdicts import VerdictCache
from extauth.model import Account, PasswordRequest, Secret, Verdict, VerdictResult
from tests.frontend.cache.support import (
    ALICE,
    RIGHT,
    SILENT,
    WRONG,
    bytes_in,
    cache_of,
)
from tests.helper import Site


def test_formerly_right_password_is_cached_as_wrong() -> None:
    cache = VerdictCache(CacheSettings(ttl=10))
    cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK), 0.0)
    assert cache.find(ALICE, RIGHT, 11.0) is None
    cached = cache.store(ALICE, RIGHT, VerdictResult(Verdict.PASSWORD_MISMATCH), 11.0)
    assert cache.find(ALICE, RIGHT, 12.0) is cached
    assert cache.find(ALICE, RIGHT, 42.0) is None


def test_accepted_password_is_cached_for_its_ttl() -> None:
    cache = VerdictCache(CacheSettings(ttl=10))
    for began in (0.0, 3.7, 12345.678):
        cached = cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK, "files"), began)
        assert began + 10 * (1 - 1 / 256) <= cached.until <= began + 10
        assert cache.find(ALICE, RIGHT, cached.until - 0.01) == cached
        assert cache.find(ALICE, RIGHT, cached.until) is None


def test_digest_separates_account_domain_and_password() -> None:
    cache = VerdictCache(CacheSettings())
    parts = [
        ("ab", "c", "d"),
        ("a", "bc", "d"),
        ("a", "b", "cd"),
        ("a@b", "c", "d"),
        ("", "abc", "d"),
        ("abc", "", "d"),
    ]
    requests = [PasswordRequest(Account(name, domain), Secret(password.encode())) for name, domain, password in parts]
    assert len({cache.digest(request) for request in requests}) == len(parts)


def test_every_cache_has_its_own_key() -> None:
    request = PasswordRequest(Account("alice", "example.com"), Secret(b"password"))
    one, other = (VerdictCache(CacheSettings()).digest(request) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("verdict", [Verdict.USER_UNKNOWN, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED])
def test_account_verdict_removes_the_accepted_password(verdict: Verdict) -> None:
    cache = VerdictCache(CacheSettings())
    cached = cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK), 0.0)
    line = b"1 VRFY alice@example.com right"
    cache.add_line(cache.lines.digest(line), cached, b" OK\n")
    cache.store(ALICE, WRONG, VerdictResult(Verdict.PASSWORD_MISMATCH), 0.0)
    assert cache.find(ALICE, RIGHT, 1.0) == cached
    assert cache.lines.reply([line], 1.0, [], SILENT) == []
    cache.store(ALICE, WRONG, VerdictResult(verdict), 0.0)
    assert cache.find(ALICE, RIGHT, 1.0) is None
    assert cache.lines.reply([line], 1.0, [], SILENT) == [line]


def test_cache_stores_neither_passwords_nor_lines(site: Site) -> None:
    cache = cache_of(site)
    line = b"1 VRFY alice@example.com open sesame"
    request = PasswordRequest(Account("alice", "example.com"), Secret(b"open sesame"))
    digest, line_digest = cache.digest(request), cache.line_digest(line)
    assert digest is not None
    assert line_digest is not None
    assert not cache.join(request, digest, 1, ())
    _, cached = cache.finish(1, VerdictResult(Verdict.OK), 0.0, keep=True)
    assert cached is not None
    cache.add_line(line_digest, cached, b" OK\n")
    replies: list[bytes] = []
    assert cache.reply([line], 1.0, replies, SILENT) == []
    assert replies == [b"1 OK\n"]
    kept = list(bytes_in(cache))
    assert [text for text in kept if digest in text]
    assert not [text for text in kept if b"sesame" in text]
