"""WatchableQueue: readers that wait for other things, too."""

from __future__ import annotations

from extauth.backends.steps import readable
from extauth.workers.fair_queue import WatchableQueue


def test_woken_reader_that_takes_nothing_leaves_the_signal() -> None:
    queue: WatchableQueue[str, int] = WatchableQueue()
    assert [queue.get_or_watch(), queue.get_or_watch()] == [None, None]
    queue.put("alice", 1)
    queue.put("bob", 2)
    queue.stop_watching()
    assert readable([queue.signal], 0.0)
    assert queue.get_or_watch() == 1
    assert readable([queue.signal], 0.0)
    assert queue.get_or_watch() == 2
    assert queue.get_or_watch() is None
    assert not readable([queue.signal], 0.0)
    queue.put("alice", 3)
    assert readable([queue.signal], 0.0)
