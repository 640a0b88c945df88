"""Cached lines: requests that are answered without being parsed."""

from __future__ import annotations

import random

import pytest

from extauth.frontend.cache import CachedVerdict, PasswordCache
from extauth.frontend.cache.lines import DIGEST_SIZE, NO_PLACE, DigestSet, KeyedDigest
from extauth.model import Account, PasswordRequest, Secret, Verdict, VerdictResult
from tests.frontend.cache.support import (
    LOG_ALL_VERDICTS,
    LOG_NO_VERDICTS,
    NEGATIVE,
    OK,
    SILENT,
    ask,
    cache_of,
    config_of,
    count_lines,
)
from tests.helper import Site
from tests.plugins import ScriptedSite


def test_cached_line_is_dropped_when_its_verdict_is_replaced(scripted: ScriptedSite) -> None:
    helper = scripted.serve(sections=f"[cache]\n{LOG_ALL_VERDICTS}")
    for _ in range(3):
        assert ask(helper, "alice", "yes") == OK
    assert ask(helper, "alice", "yes/2") == OK  # replaces the verdict on the first password
    assert ask(helper, "alice", "yes") == OK
    assert len(scripted.processes("yes")) == 3
    pattern = "account=alice@example.com command=VRFY verdict=OK backend=scripted time=[0-9.]+ seq=[0-9]+"
    helper.wait_for(
        lambda: count_lines(helper, pattern) + count_lines(helper, f"{pattern} cache=hit") == 5, "five log lines"
    )
    assert count_lines(helper, pattern) == 3


def test_intf_command_changes_how_cached_lines_are_read(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    line = b'VRFY alice@example.com "no"'
    assert helper.ask(b"1 " + line) == OK
    assert helper.ask(b"2 " + line) == OK
    helper.send(b"3 INTF 7", b"4 " + line, b"5 " + line)
    assert helper.reply(b"3") == b"INTF 7"
    assert helper.reply(b"4") == helper.reply(b"5") == NEGATIVE


def test_line_digests_change_with_the_dialect(site: Site) -> None:
    cache = cache_of(site)
    before = cache.line_digest(b"1 VRFY alice@example.com yes")
    assert cache.line_digest(b"2 VRFY alice@example.com yes") == before
    cache.clear_lines()
    assert cache.line_digest(b"1 VRFY alice@example.com yes") != before


def test_cached_lines_after_quit_are_not_answered(scripted: ScriptedSite) -> None:
    helper = scripted.serve(sections=f"[cache]\n{LOG_NO_VERDICTS}")
    assert ask(helper, "alice", "yes") == OK
    helper.send(b"1 VRFY alice@example.com yes", b"2 QUIT", b"3 VRFY alice@example.com yes")
    assert helper.wait_for_end() == 0
    assert helper.replies == [b"1 OK", b"2 OK"]


@pytest.mark.parametrize("number", [b"0", b"a-b_c.d", b"x" * 64])
def test_cached_line_is_answered_for_any_request_number(scripted: ScriptedSite, number: bytes) -> None:
    helper = scripted.serve(sections=f"[cache]\n{LOG_NO_VERDICTS}")
    for _ in range(3):
        assert helper.ask(number + b" VRFY alice@example.com yes") == OK
    helper.send(b"! VRFY alice@example.com yes", b"y" * 65 + b" VRFY alice@example.com yes")
    assert helper.ask(b"1 VRFY alice@example.com yes") == OK
    assert helper.replies == []
    assert len(scripted.processes("yes")) == 1


def test_digest_set_works_without_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmap.MADV_HUGEPAGE", 999)  # not a valid advice on any system
    digests = DigestSet(100)
    assert digests.add(bytes(range(DIGEST_SIZE))) != NO_PLACE
    assert digests.add(bytes(range(DIGEST_SIZE))) == NO_PLACE


@pytest.mark.parametrize("seed", range(20))
def test_cached_lines_always_match_cached_verdicts(seed: int, site: Site) -> None:
    config = config_of(site, "[cache]\nsize = 3\nttl = 4\nnegative_ttl = 2\n")
    chance = random.Random(seed)
    cache = PasswordCache()
    cache.configure(config)
    now, cached_lines = 0.0, 0
    learned: list[tuple[KeyedDigest, CachedVerdict, bytes]] = []
    for key in range(3_000):
        now += chance.choice((0.0, 0.001, 0.1, 1.0))
        account = Account(chance.choice("abcdef"), "example.com")
        password = chance.choice("xyz")
        line = f"1 VRFY {chance.choice(('', '(IMAP) ', '(POP) '))}{account} {password}".encode()
        request = PasswordRequest(account, Secret(password.encode()))
        digest, line_digest = cache.digest(request), cache.line_digest(line)
        assert digest is not None
        assert line_digest is not None
        replies: list[bytes] = []
        unparsed = cache.reply([line], now, replies, SILENT)
        cached = cache.find(account, digest, now)
        if not unparsed:
            cached_lines += 1
            assert cached is not None
            assert replies == [b"1 OK\n" if cached.result.verdict is Verdict.OK else b"1 no\n"]
            continue
        if cached is None:
            verdict = chance.choice([Verdict.OK, Verdict.OK, Verdict.PASSWORD_MISMATCH, Verdict.USER_DISABLED])
            cache.join(request, digest, key, ())
            _, cached = cache.finish(key, VerdictResult(verdict), now, keep=True)
        assert cached is not None
        learned.append((line_digest, cached, b" OK\n" if cached.result.verdict is Verdict.OK else b" no\n"))
        cache.add_line(*learned[-1])
        if chance.random() < 0.1:
            cache.add_line(*chance.choice(learned[-20:]))  # out of order, as after a wait
        if chance.random() < 0.01:
            cache.clear_lines()
        if chance.random() < 0.005:
            cache.configure(config)
    assert cached_lines > 100
