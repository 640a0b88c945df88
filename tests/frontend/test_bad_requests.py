"""One request in ten crashes its worker, hangs, or holds the interpreter lock: the others get their replies."""

from __future__ import annotations

import pytest

from tests.frontend.bad_requests import run_with_bad_requests, write_bad_requests_site
from tests.helper import Site

_DURATION = 3.0  # seconds


def test_one_killer_in_a_batch_fails_alone(site: Site) -> None:
    write_bad_requests_site(site, seconds=0.001, repeatable=True)
    helper = site.serve()
    for batch in range(10):
        names = [b"%d-%d" % (batch, number) for number in range(21)]
        passwords = [b"good"] * 10 + [b"crash"] + [b"good"] * 10
        lines = zip(names, passwords, strict=True)
        helper.send(*(b"%s VRFY %s@example.com %s" % (name, name, password) for name, password in lines))
        replies = dict(reply.split(b" ", 1) for reply in helper.wait_for_replies(21))
        helper.replies.clear()
        assert [name for name in names if replies[name] != b"OK"] == [names[10]]
    assert helper.end() == 0


@pytest.mark.parametrize(("seconds", "repeatable"), [(0.001, False), (0.05, True)], ids=["1 ms", "50 ms, repeatable"])
@pytest.mark.parametrize(("kind", "rate"), [("crash", 200), ("hang", 50), ("lock", 50)])
def test_good_requests_do_not_pay_for_bad_ones(
    site: Site, kind: str, rate: int, seconds: float, repeatable: bool
) -> None:
    measured = run_with_bad_requests(site, kind, rate=rate, seconds=seconds, duration=_DURATION, repeatable=repeatable)
    # the longer a stall of the machine, the more good requests are in a worker when a bad one ends it. They fail unless
    # they may be asked again. `make soak` holds the closer limits on a quiet machine.
    share = 0.9 if repeatable else 0.8
    assert measured.right >= share * measured.good, measured
