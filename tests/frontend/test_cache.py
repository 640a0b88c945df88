"""The verdict cache through the real program: who is asked again, who is not, and what makes it forget."""

from __future__ import annotations

import gc
import random
import re
import signal
from collections.abc import Iterator
from functools import partial
from types import ModuleType

import pytest
from msgspec import Struct

from extauth.config import CacheSettings, Config, LogSettings, read_config
from extauth.frontend.cache import CachedVerdict, PasswordCache
from extauth.frontend.cache.lines import DIGEST_SIZE, NO_PLACE, DigestSet
from extauth.frontend.cache.verdicts import VerdictCache
from extauth.frontend.log import Log
from extauth.frontend.request_handler import RequestHandler
from extauth.model import Account, PasswordRequest, Secret, Verdict, VerdictResult
from tests.helper import Helper, Site, wait_for_serving, wait_until
from tests.plugins import Stage, plugin

OK, NO, TEMPORARY = b"OK", b"ERROR incorrect password", b"ERROR temporary failure"
QUIET = '[log]\nmail_server_level = "Major & Failures"\n'
"""Decisions are not logged."""

SILENT = Log(LogSettings(mail_server_level="Failures"))


@pytest.fixture(params=["logged", "quiet"])
def log(request: pytest.FixtureRequest) -> str:
    return QUIET if request.param == "quiet" else '[log]\nmail_server_level = "Low Level"\n'


def config_of(site: Site, sections: str) -> Config:
    """The configuration with these sections, and one backend."""
    site.configure(sections + Site.BASIC.replace("default_domain", "# default_domain"))
    return read_config(site.config)


def configured(site: Site) -> PasswordCache:
    """One that keeps verdicts."""
    memory = PasswordCache()
    memory.configure(config_of(site, "[cache]\n"))
    return memory


def ask(helper: Helper, account: str, password: str) -> bytes:
    return helper.ask(f"1 VRFY {account}@example.com {password}".encode())


def has_said(helper: Helper, said: str, times: int) -> bool:
    """Whether that has come so often for the Server Log."""
    return count(helper, said) == times


def count(helper: Helper, said: str) -> int:
    """How many lines for the Server Log are that, from beginning to end."""
    return sum(re.fullmatch(said, line) is not None for line in helper.information)


def test_a_password_that_was_right_is_asked_for_once_however_the_account_is_written(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    for address in ("alice@example.com", "ALICE@example.com", "(IMAP) alice@Example.Com.", "alice@example.com"):
        assert helper.ask(f"1 VRFY {address} yes".encode()) == OK
        assert helper.ask(f"2 VRFY {address} yes".encode()) == OK
    assert len(stage.processes("yes")) == 1


def test_a_wrong_password_is_asked_for_once_and_others_are_asked_for(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    for _ in range(3):
        assert ask(helper, "alice", "no") == NO
        assert ask(helper, "alice", "no/again") == NO
        assert ask(helper, "bob", "no") == NO
    assert len(stage.processes("no")) == 3


def test_a_hit_is_logged_as_such(stage: Stage) -> None:
    helper = stage.serve(more='[cache]\n[log]\nmail_server_level = "Low Level"\n')
    for name, order, verdict in (("alice", "yes", "OK"), ("bob", "no", "PASSWORD_MISMATCH")):
        for _ in range(5):  # known by its line from the third on
            ask(helper, name, order)
        said = f"account={name}@example.com command=VRFY verdict={verdict} backend=obeys time=[0-9.]+"
        helper.wait_for(partial(has_said, helper, f"{said} cache=hit", 4), "what is said of four hits")
        assert count(helper, said) == 1


def test_what_is_said_of_a_line_that_is_known_is_what_its_verdict_is_now(stage: Stage) -> None:
    helper = stage.serve(more='[cache]\n[log]\nmail_server_level = "Low Level"\n')
    for _ in range(3):
        assert ask(helper, "alice", "yes") == OK
    assert ask(helper, "alice", "yes/2") == OK  # it takes the place of the other one
    assert ask(helper, "alice", "yes") == OK
    assert len(stage.processes("yes")) == 3
    said = "account=alice@example.com command=VRFY verdict=OK backend=obeys time=[0-9.]+"
    helper.wait_for(lambda: count(helper, said) + count(helper, f"{said} cache=hit") == 5, "five records")
    assert count(helper, said) == 3


def test_without_its_section_nothing_is_remembered(stage: Stage) -> None:
    helper = stage.serve()
    for _ in range(2):
        assert ask(helper, "alice", "yes") == OK
    assert len(stage.processes("yes")) == 2


def test_a_new_password_takes_the_place_of_the_old_one(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    for password in ("old", "new", "new", "old"):
        assert ask(helper, "alice", password) == OK
    assert len(stage.processes("old")) == 2
    assert len(stage.processes("new")) == 1


def test_who_guesses_drives_nobody_out(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\nsize = 2\n{log}")
    assert ask(helper, "alice", "yes") == OK
    for number in range(10):
        assert ask(helper, "alice", f"no/{number}") == NO
    assert ask(helper, "alice", "yes") == OK
    assert len(stage.processes("yes")) == 1
    assert ask(helper, "alice", "no/9") == NO
    assert len(stage.processes("no")) == 10
    for name in ("bob", "carol"):
        assert ask(helper, name, "yes") == OK
    assert ask(helper, "alice", "yes") == OK
    assert len(stage.processes("yes")) == 4, "the oldest of three has gone"


@pytest.mark.parametrize(("password", "reply"), [("yes", OK), ("no", NO)])
def test_a_verdict_counts_until_its_time_is_over(stage: Stage, log: str, password: str, reply: bytes) -> None:
    helper = stage.serve(more=f"[cache]\nttl = 0.1\nnegative_ttl = 0.1\n{log}")

    def is_asked_again() -> bool:
        assert ask(helper, "alice", password) == reply
        return len(stage.processes(password)) > 1

    wait_until(is_asked_again, "a second question")


def test_the_same_password_is_checked_once_at_a_time_and_all_who_wait_are_answered(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    helper.send(*(b"%d VRFY alice@example.com wait" % number for number in range(20)))
    stage.wait_for("wait")
    helper.send(b"x VRFY alice@example.com wait/else")
    stage.wait_for("wait", 2)
    stage.release(2)
    assert sorted(helper.wait_for_replies(21)) == sorted([b"%d OK" % number for number in range(20)] + [b"x OK"])
    assert len(stage.processes("wait")) == 2


def test_who_waits_for_a_worker_that_dies_is_answered_and_nothing_is_kept(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    helper.send(b"1 VRFY alice@example.com exit", b"2 VRFY alice@example.com exit")
    assert sorted(helper.wait_for_replies(2)) == [b"1 " + TEMPORARY, b"2 " + TEMPORARY]
    assert helper.ask(b"3 VRFY alice@example.com exit") == TEMPORARY
    assert len(stage.processes("exit")) == 2


def test_a_changed_file_makes_it_forget(site: Site, log: str) -> None:
    site.write("passwd", "alice@example.com:{PLAIN}old\n")
    site.configure(f'{log}[cache]\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    assert [ask(helper, "alice", password) for password in ("old", "new", "old", "new")] == [OK, NO, OK, NO]
    site.write("passwd", "alice@example.com:{PLAIN}new\n")
    wait_for_serving(helper, 2)
    assert [ask(helper, "alice", password) for password in ("old", "new", "old", "new")] == [NO, OK, NO, OK]


def test_a_verdict_that_was_asked_for_before_a_hangup_signal_is_given_and_not_kept(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    helper.send(b"1 VRFY alice@example.com wait", b"2 VRFY alice@example.com wait")
    stage.wait_for("wait")
    helper.process.send_signal(signal.SIGHUP)
    helper.wait_for(lambda: sum("serving with" in line for line in helper.information) == 2, "the new generation")
    helper.send(b"3 VRFY alice@example.com wait")
    stage.wait_for("wait", 2)
    stage.release(2)
    assert sorted(helper.wait_for_replies(3)) == [b"1 OK", b"2 OK", b"3 OK"]
    helper.send(b"4 VRFY alice@example.com wait")
    assert helper.reply(b"4") == OK
    assert len(stage.processes("wait")) == 2


def test_workers_that_come_later_have_nothing_of_what_is_remembered_or_under_way(site: Site) -> None:
    site.write("looks_around.py", plugin("looks_around.py"))
    site.configure('[cache]\n[[backend]]\ntype = "looks_around.py:LooksAround"\n')
    helper = site.serve()
    assert ask(helper, "alice", "password") == OK
    helper.send(b"2 VRFY alice@example.com wait")
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    assert ask(helper, "alice", "password") == OK


def test_a_hangup_signal_can_switch_it_off_while_requests_wait(stage: Stage) -> None:
    helper = stage.serve(more="[cache]\n")
    helper.send(b"a VRFY alice@example.com wait", b"b VRFY alice@example.com wait")
    stage.wait_for("wait")
    stage.configure()
    helper.process.send_signal(signal.SIGHUP)
    helper.wait_for(lambda: sum("serving with" in line for line in helper.information) == 2, "the new generation")
    stage.release()
    assert sorted(helper.wait_for_replies(2)) == [b"a OK", b"b OK"]
    for _ in range(2):
        assert ask(helper, "alice", "yes") == OK
    assert len(stage.processes("yes")) == 2


def test_an_answer_that_came_after_its_deadline_is_not_kept(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 0.3", more="[cache]\n")
    assert ask(helper, "alice", "wait") == TEMPORARY
    stage.release()
    helper.send(b"2 VRFY alice@example.com wait")
    stage.wait_for("wait", 2)
    stage.release()
    assert helper.reply(b"2") == OK


def test_what_a_line_means_changes_with_the_dialect(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    line = b'VRFY alice@example.com "no"'
    assert helper.ask(b"1 " + line) == OK
    assert helper.ask(b"2 " + line) == OK
    helper.send(b"3 INTF 7", b"4 " + line, b"5 " + line)
    assert helper.reply(b"3") == b"INTF 7"
    assert helper.reply(b"4") == helper.reply(b"5") == NO


def test_what_stood_for_a_line_stands_for_none_in_another_dialect(site: Site) -> None:
    memory = configured(site)
    before = memory.line_digest(b"1 VRFY alice@example.com yes")
    assert memory.line_digest(b"2 VRFY alice@example.com yes") == before
    memory.clear_lines()
    assert memory.line_digest(b"1 VRFY alice@example.com yes") != before


def test_lines_behind_a_quit_are_not_answered_though_they_are_known(stage: Stage) -> None:
    helper = stage.serve(more=f"[cache]\n{QUIET}")
    assert ask(helper, "alice", "yes") == OK
    helper.send(b"1 VRFY alice@example.com yes", b"2 QUIT", b"3 VRFY alice@example.com yes")
    assert helper.wait_for_end() == 0
    assert helper.replies == [b"1 OK", b"2 OK"]


@pytest.mark.parametrize("number", [b"0", b"a-b_c.d", b"x" * 64])
def test_a_known_line_is_answered_whatever_its_number(stage: Stage, number: bytes) -> None:
    helper = stage.serve(more=f"[cache]\n{QUIET}")
    for _ in range(3):
        assert helper.ask(number + b" VRFY alice@example.com yes") == OK
    helper.send(b"! VRFY alice@example.com yes", b"y" * 65 + b" VRFY alice@example.com yes")
    assert helper.ask(b"1 VRFY alice@example.com yes") == OK
    assert helper.replies == []
    assert len(stage.processes("yes")) == 1


@pytest.mark.parametrize("emergency", ["", "emergency = true\n"])
def test_what_is_said_only_while_another_backend_is_out_of_reach_is_not_kept(emergency: str, site: Site) -> None:
    site.write("says.py", plugin("says.py"))
    says = '[[backend]]\ntype = "says.py:Says"\nname = "{0}"\nsays = "{0}"\n'
    log = '[log]\nmail_server_level = "Low Level"\n'
    site.configure(f"[cache]\n{log}{says.format('an outage')}{says.format('OK')}{emergency}")
    helper = site.serve()
    for _ in range(3):
        assert ask(helper, "alice", "x") == OK
    helper.wait_for(lambda: sum("verdict=OK" in line for line in helper.information) == 3, "three records")
    assert not [line for line in helper.information if "cache=hit" in line]


def test_secure_methods_are_not_remembered(site: Site) -> None:
    site.write("passwd", "tim@example.com:{PLAIN}tanstaaftanstaaf\n")
    site.configure('[cache]\n[log]\nmail_server_level = "Low Level"\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    helper = site.serve()
    line = b"SASL(CRAM-MD5) tim@example.com 3dbc88f0624776a737b39093f6eb6427 <1896.697170952@postoffice.example.net>"
    for number in (b"1 ", b"2 "):
        assert helper.ask(number + line) == OK
    helper.wait_for(
        lambda: sum("command=SASL mechanism=CRAM-MD5" in line for line in helper.information) == 2, "two records"
    )
    assert not [line for line in helper.information if "cache=hit" in line]


def test_neither_a_password_nor_a_line_is_kept(site: Site) -> None:
    memory = configured(site)
    line = b"1 VRFY alice@example.com open sesame"
    question = PasswordRequest(Account("alice", "example.com"), Secret(b"open sesame"))
    digest, of_line = memory.digest(question), memory.line_digest(line)
    assert digest is not None
    assert of_line is not None
    assert not memory.join(question, digest, 1, ())
    _, known = memory.finish(1, VerdictResult(Verdict.OK), 0.0, keep=True)
    assert known is not None
    memory.add_line(of_line, known, b" OK\n")
    replies: list[bytes] = []
    assert memory.reply([line], 1.0, replies, SILENT) == []
    assert replies == [b"1 OK\n"]
    kept = list(_bytes_in(memory))
    assert [text for text in kept if digest in text]
    assert not [text for text in kept if b"sesame" in text]


def _bytes_in(root: object) -> Iterator[bytes]:
    """Every text that can be reached from it."""
    seen: set[int] = set()
    found = [root]
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        if isinstance(each, bytes | str | memoryview):
            yield each.encode(errors="surrogateescape") if isinstance(each, str) else bytes(each)
        if isinstance(each, Struct):  # those without `gc` hide what they refer to
            found += [getattr(each, field) for field in each.__struct_fields__]
        found += gc.get_referents(each)


def test_who_waits_for_a_request_whose_deadline_is_over_is_asked_for_anew(stage: Stage, log: str) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 1", more=f"[cache]\n{log}")
    helper.send(*(b"w%d VRFY bob@example.com wait/%d" % (number, number) for number in range(4)))
    stage.wait_for("wait", 4)  # every thread is taken
    helper.send(b"1 VRFY alice@example.com yes")
    assert helper.reply(b"w0") == TEMPORARY
    helper.send(b"2 VRFY alice@example.com yes")  # what the first one asked is still under way
    assert helper.reply(b"1") == TEMPORARY
    stage.release(4)
    assert helper.reply(b"2") == OK


ALICE = Account("alice", "example.com")
RIGHT, WRONG = (word.ljust(DIGEST_SIZE, b".") for word in (b"right", b"wrong"))


def test_a_password_that_was_right_once_is_asked_for_once_when_it_is_wrong() -> None:
    cache = VerdictCache(CacheSettings(ttl=10))
    cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK), 0.0)
    assert cache.find(ALICE, RIGHT, 11.0) is None
    known = cache.store(ALICE, RIGHT, VerdictResult(Verdict.PASSWORD_MISMATCH), 11.0)
    assert cache.find(ALICE, RIGHT, 12.0) is known
    assert cache.find(ALICE, RIGHT, 42.0) is None


def test_a_password_that_was_right_counts_for_its_time_and_no_longer() -> None:
    cache = VerdictCache(CacheSettings(ttl=10))
    for began in (0.0, 3.7, 12345.678):
        known = cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK, "files"), began)
        assert began + 10 * (1 - 1 / 256) <= known.until <= began + 10
        assert cache.find(ALICE, RIGHT, known.until - 0.01) == known
        assert cache.find(ALICE, RIGHT, known.until) is None


def test_what_looks_alike_when_it_is_put_together_is_never_mixed_up() -> None:
    cache = VerdictCache(CacheSettings())
    parts = [
        ("ab", "c", "d"),
        ("a", "bc", "d"),
        ("a", "b", "cd"),
        ("a@b", "c", "d"),
        ("", "abc", "d"),
        ("abc", "", "d"),
    ]
    questions = [PasswordRequest(Account(name, domain), Secret(password.encode())) for name, domain, password in parts]
    assert len({cache.digest(question) for question in questions}) == len(parts)


def test_where_there_are_no_large_pages_lines_are_marked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmap.MADV_HUGEPAGE", 999)  # an advice that no system knows
    marks = DigestSet(100)
    assert marks.add(bytes(range(DIGEST_SIZE))) != NO_PLACE
    assert marks.add(bytes(range(DIGEST_SIZE))) == NO_PLACE


def test_no_two_caches_have_one_key() -> None:
    question = PasswordRequest(Account("alice", "example.com"), Secret(b"password"))
    one, other = (VerdictCache(CacheSettings()).digest(question) for _ in range(2))
    assert one != other


@pytest.mark.parametrize("verdict", [Verdict.USER_UNKNOWN, Verdict.USER_DISABLED, Verdict.PASSWORD_EXPIRED])
def test_what_is_said_of_the_account_ends_the_password_that_was_accepted(verdict: Verdict) -> None:
    cache = VerdictCache(CacheSettings())
    known = cache.store(ALICE, RIGHT, VerdictResult(Verdict.OK), 0.0)
    line = b"1 VRFY alice@example.com right"
    cache.add_line(cache.lines.digest(line), known, b" OK\n")
    cache.store(ALICE, WRONG, VerdictResult(Verdict.PASSWORD_MISMATCH), 0.0)
    assert cache.find(ALICE, RIGHT, 1.0) == known
    assert cache.lines.reply([line], 1.0, [], SILENT) == []
    cache.store(ALICE, WRONG, VerdictResult(verdict), 0.0)
    assert cache.find(ALICE, RIGHT, 1.0) is None
    assert cache.lines.reply([line], 1.0, [], SILENT) == [line]


@pytest.mark.parametrize("seed", range(20))
def test_no_line_is_answered_that_would_be_answered_otherwise_if_it_were_read(seed: int, site: Site) -> None:
    config = config_of(site, "[cache]\nsize = 3\nttl = 4\nnegative_ttl = 2\n")
    chance = random.Random(seed)
    memory = PasswordCache()
    memory.configure(config)
    now, known_lines = 0.0, 0
    learnt: list[tuple[KeyedDigest, CachedVerdict, bytes]] = []
    for key in range(3_000):
        now += chance.choice((0.0, 0.001, 0.1, 1.0))
        account = Account(chance.choice("abcdef"), "example.com")
        password = chance.choice("xyz")
        line = f"1 VRFY {chance.choice(('', '(IMAP) ', '(POP) '))}{account} {password}".encode()
        question = PasswordRequest(account, Secret(password.encode()))
        digest, of_line = memory.digest(question), memory.line_digest(line)
        assert digest is not None
        assert of_line is not None
        replies: list[bytes] = []
        unknown = memory.reply([line], now, replies, SILENT)
        known = memory.find(account, digest, now)
        if not unknown:
            known_lines += 1
            assert known is not None
            assert replies == [b"1 OK\n" if known.result.verdict is Verdict.OK else b"1 no\n"]
            continue
        if known is None:
            verdict = chance.choice([Verdict.OK, Verdict.OK, Verdict.PASSWORD_MISMATCH, Verdict.USER_DISABLED])
            memory.join(question, digest, key, ())
            _, known = memory.finish(key, VerdictResult(verdict), now, keep=True)
        assert known is not None
        learnt.append((of_line, known, b" OK\n" if known.result.verdict is Verdict.OK else b" no\n"))
        memory.add_line(*learnt[-1])
        if chance.random() < 0.1:
            memory.add_line(*chance.choice(learnt[-20:]))  # as one that was kept waiting may be
        if chance.random() < 0.01:
            memory.clear_lines()
        if chance.random() < 0.005:
            memory.configure(config)
    assert known_lines > 100


def test_what_was_asked_before_another_password_was_accepted_is_not_kept(stage: Stage, log: str) -> None:
    helper = stage.serve(more=f"[cache]\n{log}")
    for count in (1, 2):
        helper.send(b"%d VRFY alice@example.com wait/old" % count)
        stage.wait_for("wait", count)
        assert ask(helper, "alice", f"yes/{count}") == OK
        stage.release()
        assert helper.reply(b"%d" % count) == OK


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASSWORD_MISMATCH])
def test_every_verdict_but_that_on_a_password_ends_what_is_under_way_for_the_account(
    verdict: Verdict, site: Site
) -> None:
    memory = configured(site)
    bob = Account("bob", "example.com")
    questions = [PasswordRequest(account, Secret(b"%d" % n)) for n, account in enumerate((ALICE, ALICE, ALICE, bob))]
    digests = [memory.digest(question) for question in questions]
    for key, (question, digest) in enumerate(zip(questions, digests, strict=True)):
        assert not memory.join(question, digest, key, range(10))
    assert memory.finish(1, VerdictResult(Verdict.PASSWORD_MISMATCH), 0.0, keep=True)[1] is not None
    assert memory.finish(0, VerdictResult(verdict), 0.0, keep=True)[1] is not None
    assert not memory.join(questions[2], digests[2], 4, range(10))  # it is asked anew
    assert memory.finish(2, VerdictResult(Verdict.OK), 0.0, keep=True) == ([2], None)
    assert memory.finish(3, VerdictResult(Verdict.OK), 0.0, keep=True)[1] is not None
    assert memory.finish(4, VerdictResult(Verdict.OK), 0.0, keep=True)[1] is not None
    assert not memory.has_checks
    assert not memory._digests


def test_a_password_that_nobody_waits_for_any_more_is_not_held(site: Site) -> None:
    memory = configured(site)
    question = PasswordRequest(ALICE, Secret(b"open sesame"))
    digest = memory.digest(question)
    assert not memory.join(question, digest, 1, {1})
    assert memory.join(question, digest, 2, {1})
    memory.drop_passwords([1], {2})
    assert [text for text in _bytes_in(memory) if b"sesame" in text]
    memory.drop_passwords([2], set())
    assert not [text for text in _bytes_in(memory) if b"sesame" in text]
    assert memory.retry(1, set()) is None
    assert memory.finish(1, VerdictResult(Verdict.OK), 0.0, keep=False) == ([1, 2], None)


def test_nothing_is_left_of_those_who_no_longer_waited_when_it_was_asked_anew(site: Site) -> None:
    memory = configured(site)
    question = PasswordRequest(ALICE, Secret(b"open sesame"))
    digest = memory.digest(question)
    assert [memory.join(question, digest, key, {1, 2, 3}) for key in (1, 2, 3)] == [False, True, True]
    assert memory.retry(1, {3}) == (3, question)
    assert memory.finish(3, VerdictResult(Verdict.OK), 0.0, keep=True)[0] == [3]
    assert not memory.has_checks
    assert not [text for text in _bytes_in(memory) if b"sesame" in text]


def test_the_front_holds_no_password_whose_deadline_is_over(site: Site) -> None:
    desk = RequestHandler(config_of(site, "[helper]\ndeadline = 0.1\n[cache]\n"), SILENT)
    desk.handle([b"1 VRFY alice@example.com open sesame"])
    while desk.pending:
        desk.expire()
    assert not [text for text in _bytes_in(vars(desk)) if b"sesame" in text]
