"""FairQueue: accounts take turns, and newcomers together have one."""

from __future__ import annotations

from extauth.model import Account
from extauth.workers.fair_queue import FairQueue


def put(queue: FairQueue[str], *names: str, is_newcomer: bool) -> None:
    for name in names:
        queue.put(Account(name, "example.com"), name, is_newcomer=is_newcomer)


def take_all(queue: FairQueue[str]) -> list[str]:
    return list(iter(queue.take, None))


def test_accounts_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(4)
    put(queue, "ann", "ann", "ann", "bob", is_newcomer=False)
    assert take_all(queue) == ["ann", "bob", "ann", "ann"]


def test_newcomers_have_all_places_alone() -> None:
    queue: FairQueue[str] = FairQueue(4)
    put(queue, "new1", "new2", "new3", "new4", "new5", is_newcomer=True)
    assert take_all(queue) == ["new1", "new2", "new3", "new4"]
    queue.free_place(is_newcomer=True)
    assert take_all(queue) == ["new5"]


def test_newcomers_share_one_turn_and_half_of_the_places() -> None:
    queue: FairQueue[str] = FairQueue(4)
    put(queue, "new1", "new2", "new3", is_newcomer=True)
    put(queue, "ann", "bob", "cid", is_newcomer=False)
    assert take_all(queue) == ["new1", "ann", "bob", "cid", "new2"]
    queue.free_place(is_newcomer=True)
    assert take_all(queue) == ["new3"]


def test_newcomers_have_at_least_one_place() -> None:
    queue: FairQueue[str] = FairQueue(1)
    put(queue, "ann", is_newcomer=False)
    put(queue, "new", is_newcomer=True)
    assert take_all(queue) == ["ann", "new"]
