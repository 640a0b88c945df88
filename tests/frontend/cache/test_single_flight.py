"""Identical password requests share one check."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from extauth.model import Account, PasswordRequest, Secret, Verdict, VerdictResult
from tests.frontend.cache.support import (
    ALICE,
    OK,
    TEMPORARY,
    bytes_in,
    cache_of,
)
from tests.helper import Site, stop_process
from tests.plugins import ScriptedSite


def test_identical_requests_share_one_check(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    helper.send(*(b"%d VRFY alice@example.com wait" % number for number in range(20)))
    scripted.wait_for("wait")
    helper.send(b"x VRFY alice@example.com wait/else")
    scripted.wait_for("wait", 2)
    scripted.release(2)
    assert sorted(helper.wait_for_replies(21)) == sorted([b"%d OK" % number for number in range(20)] + [b"x OK"])
    assert len(scripted.processes("wait")) == 2


def test_worker_crash_fails_all_waiting_requests_and_caches_nothing(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(sections=f"[cache]\n{log_section}")
    helper.send(b"1 VRFY alice@example.com exit", b"2 VRFY alice@example.com exit")
    assert sorted(helper.wait_for_replies(2)) == [b"1 " + TEMPORARY, b"2 " + TEMPORARY]
    assert helper.ask(b"3 VRFY alice@example.com exit") == TEMPORARY
    assert len(scripted.processes("exit")) == 2


def test_waiting_request_is_checked_again_if_the_first_expires(scripted: ScriptedSite, log_section: str) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 1", sections=f"[cache]\n{log_section}")
    assert helper.ask(b"0 VRFY bob@example.com yes") == OK
    stopped = helper.processes("supervisor") + helper.processes("worker")
    for process in stopped:
        stop_process(process)
    helper.send(b"w0 VRFY bob@example.com wait", b"1 VRFY alice@example.com yes")
    assert helper.reply(b"w0") == TEMPORARY
    helper.send(b"2 VRFY alice@example.com yes")  # the check of the first request is still under way
    assert helper.reply(b"1") == TEMPORARY
    for process in stopped:
        with contextlib.suppress(ProcessLookupError):  # the supervisor may already have killed the silent worker
            os.kill(process, signal.SIGCONT)
    assert helper.reply(b"2") == OK


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASSWORD_MISMATCH])
def test_account_verdicts_invalidate_checks_under_way(verdict: Verdict, site: Site) -> None:
    cache = cache_of(site)
    bob = Account("bob", "example.com")
    requests = [PasswordRequest(account, Secret(b"%d" % n)) for n, account in enumerate((ALICE, ALICE, ALICE, bob))]
    digests = [cache.digest(request) for request in requests]
    for key, (request, digest) in enumerate(zip(requests, digests, strict=True)):
        assert not cache.join(request, digest, key, range(10))
    assert cache.finish(1, VerdictResult(Verdict.PASSWORD_MISMATCH), 0.0, keep=True)[1] is not None
    assert cache.finish(0, VerdictResult(verdict), 0.0, keep=True)[1] is not None
    assert not cache.join(requests[2], digests[2], 4, range(10))  # starts a new check
    assert cache.finish(2, VerdictResult(Verdict.OK), 0.0, keep=True) == ([2], None)
    assert cache.finish(3, VerdictResult(Verdict.OK), 0.0, keep=True)[1] is not None
    assert cache.finish(4, VerdictResult(Verdict.OK), 0.0, keep=True)[1] is not None
    assert not cache.has_checks
    assert not cache._digests


def test_password_is_released_when_no_request_waits(site: Site) -> None:
    cache = cache_of(site)
    request = PasswordRequest(ALICE, Secret(b"open sesame"))
    digest = cache.digest(request)
    assert not cache.join(request, digest, 1, {1})
    assert cache.join(request, digest, 2, {1})
    cache.drop_passwords([1], {2})
    assert [text for text in bytes_in(cache) if b"sesame" in text]
    cache.drop_passwords([2], set())
    assert not [text for text in bytes_in(cache) if b"sesame" in text]
    assert cache.retry(1, set()) is None
    assert cache.finish(1, VerdictResult(Verdict.OK), 0.0, keep=False) == ([1, 2], None)


def test_repeated_check_forgets_expired_requests(site: Site) -> None:
    cache = cache_of(site)
    request = PasswordRequest(ALICE, Secret(b"open sesame"))
    digest = cache.digest(request)
    assert [cache.join(request, digest, key, {1, 2, 3}) for key in (1, 2, 3)] == [False, True, True]
    assert cache.retry(1, {3}) == (3, request)
    assert cache.finish(3, VerdictResult(Verdict.OK), 0.0, keep=True)[0] == [3]
    assert not cache.has_checks
    assert not [text for text in bytes_in(cache) if b"sesame" in text]
