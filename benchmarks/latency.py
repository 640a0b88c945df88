"""Measures one request at a time over a warm cache: beside a bare line loop, and while every worker hashes.

    .venv/bin/python -m benchmarks.latency [--only GLOB] [--pairs N] [--seconds S]

`latency` is pairs of runs with a line loop in Python that looks at nothing: extauth's median shall be within twice its.
`p99` keeps every worker busy with bcrypt of cost 12 meanwhile: the p99 of the cached requests shall stay below 3 ms.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence

from benchmarks.options import Options, options
from benchmarks.peers.line_loop import line_loop
from benchmarks.peers.ours import extauth
from benchmarks.peers.peer import PipePeer
from benchmarks.scratch import Scratch, scratch
from benchmarks.workloads import Login, account, everybody, mixed
from extauth.harness.processes import tree

_CACHED = 1_000  # accounts
_COSTLY = 10  # accounts
_BUSY_DOMAIN = "busy.example"
_QUICKEST = 50_000  # requests a second
_QUICKEST_HASHING = 10  # checks a second that a core may do

_HEADING = "   median ms    p99 ms  worst ms"
_Times = tuple[float, float, float]


def one_by_one(peer: PipePeer, seconds: float, meanwhile: Sequence[Login] = ()) -> tuple[_Times, float]:
    """Median, p99 and worst time of a cached request in ms, and how many cores its workers kept busy."""
    guesses = [peer.dialect.request(number, login) for number, login in enumerate(meanwhile, 1)]
    logins = mixed(int(_QUICKEST * seconds), accounts=_CACHED, wrong=0)
    requests = [peer.dialect.request(number, login) for number, login in enumerate(logins, len(guesses) + 1)]
    warm_up = [peer.dialect.request(number, login) for number, login in enumerate(everybody(_CACHED), 1)]
    with peer.started() as running:
        running.channel.exchange(warm_up, 1)
        running.channel.send(guesses)
        before = _cpu_of_workers(running.root)
        times = list(running.channel.one_by_one(requests, seconds))
        cores = (_cpu_of_workers(running.root) - before) / sum(times)
    times = sorted(time * 1000 for time in times)
    return (times[len(times) // 2], times[len(times) * 99 // 100], times[-1]), cores


def _cpu_of_workers(root: int) -> float:
    return sum(process.cpu for process in tree(root) if process.id != root)


def latency(at: Scratch, chosen: Options) -> None:
    """Print pairs of medians, and their ratio."""
    text = f'[cache]\n[[backend]]\ntype = "files"\npath = "{at.password_file("sha", _CACHED)}"\n'
    ours, loop = extauth("extauth", at.folder, text), line_loop()
    ratios = []
    for pair in range(chosen.pairs):
        order = (ours, loop) if pair % 2 else (loop, ours)
        found = {peer.name: one_by_one(peer, chosen.seconds)[0] for peer in order}
        ratios.append(found[ours.name][0] / found[loop.name][0])
        for name, times in found.items():
            print(f"latency  {name:22}{times[0]:12.4f}{times[1]:10.4f}{times[2]:10.2f}", flush=True)
    print(f"latency  median of ratios {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


def beside_hashing(at: Scratch, chosen: Options) -> None:
    """Print what cached requests take while all workers hash."""
    files = '[[backend]]\ntype = "files"\nname = "{}"\npath = "{}"\ndomains = ["{}"]\n'
    cached = files.format("cached", at.password_file("sha", _CACHED), account(0).domain)
    costly = files.format("costly", at.password_file("bcrypt-12", _COSTLY), _BUSY_DOMAIN)
    peer = extauth("extauth, hashing", at.folder, f"[cache]\n{cached}{costly}")
    count = _QUICKEST_HASHING * (os.cpu_count() or 1) * math.ceil(chosen.seconds)
    guesses = [Login(f"user{n % _COSTLY}", _BUSY_DOMAIN, f"guess{n}", right=False) for n in range(count)]
    p99s = []
    for _ in range(chosen.pairs):
        times, cores = one_by_one(peer, chosen.seconds, guesses)
        p99s.append(times[1])
        print(
            f"p99      {peer.name:22}{times[0]:12.4f}{times[1]:10.4f}{times[2]:10.2f}   {cores:.1f} cores busy",
            flush=True,
        )
    print(f"p99      median of runs {statistics.median(p99s):.2f} ms (from {min(p99s):.2f} to {max(p99s):.2f})")


NAMES = ("latency", "p99")
"""What `--only` chooses from."""


def measure(chosen: Options) -> None:
    """Print what is wanted."""
    wanted = [run for name, run in zip(NAMES, (latency, beside_hashing), strict=True) if chosen.wants(name)]
    if not wanted:
        return
    print(f"{'':31}{_HEADING}")
    with scratch() as at:
        for run in wanted:
            run(at, chosen)


if __name__ == "__main__":
    measure(options(__doc__))
