"""Measure one request at a time over a warm cache: beside a line loop, and while every worker hashes.

    .venv/bin/python -m benchmarks.latency [--only GLOB] [--pairs N] [--seconds S]

`latency` has pairs of runs with a line loop in Python that looks at no password. The median of extauth must be at
most twice that of the loop. `p99` keeps every worker busy with bcrypt of cost 12. The p99 of the cached requests must
stay below 3 ms.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence

from benchmarks.options import Options, parse_options
from benchmarks.peers.own import extauth, line_loop
from benchmarks.peers.peer import PipePeer
from benchmarks.scratch import Scratch, open_scratch
from benchmarks.workloads import Login, login_of, one_login_each, random_logins
from extauth.harness.processes import tree

_CACHED = 1_000  # accounts
_COSTLY = 10  # accounts
_BUSY_DOMAIN = "busy.example"
_MAX_RATE = 50_000  # requests a second
_MAX_CHECKS = 10  # checks a second of one core, at most

_HEADING = "   median ms    p99 ms  worst ms"
_Times = tuple[float, float, float]


def one_by_one(peer: PipePeer, seconds: float, hashing: Sequence[Login] = ()) -> tuple[_Times, float]:
    """Return median, p99 and worst time of a cached request in ms, and how many cores the workers kept busy."""
    guesses = [peer.dialect.request(number, login) for number, login in enumerate(hashing, 1)]
    logins = random_logins(int(_MAX_RATE * seconds), accounts=_CACHED, wrong=0)
    requests = [peer.dialect.request(number, login) for number, login in enumerate(logins, len(guesses) + 1)]
    warm_up = [peer.dialect.request(number, login) for number, login in enumerate(one_login_each(_CACHED), 1)]
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


def latency(scratch: Scratch, options: Options) -> None:
    """Print pairs of medians and their ratio."""
    text = f'[cache]\n[[backend]]\ntype = "files"\npath = "{scratch.password_file("sha", _CACHED)}"\n'
    ours, loop = extauth("extauth", scratch.folder, text), line_loop()
    ratios = []
    for pair in range(options.pairs):
        order = (ours, loop) if pair % 2 else (loop, ours)
        found = {peer.name: one_by_one(peer, options.seconds)[0] for peer in order}
        ratios.append(found[ours.name][0] / found[loop.name][0])
        for name, times in found.items():
            print(f"latency  {name:22}{times[0]:12.4f}{times[1]:10.4f}{times[2]:10.2f}", flush=True)
    print(f"latency  median of ratios {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


def beside_hashing(scratch: Scratch, options: Options) -> None:
    """Print the times of cached requests while all workers hash."""
    files = '[[backend]]\ntype = "files"\nname = "{}"\npath = "{}"\ndomains = ["{}"]\n'
    cached = files.format("cached", scratch.password_file("sha", _CACHED), login_of(0).domain)
    costly = files.format("costly", scratch.password_file("bcrypt-12", _COSTLY), _BUSY_DOMAIN)
    peer = extauth("extauth, hashing", scratch.folder, f"[cache]\n{cached}{costly}")
    count = _MAX_CHECKS * (os.cpu_count() or 1) * math.ceil(options.seconds)
    guesses = [Login(f"user{n % _COSTLY}", _BUSY_DOMAIN, f"guess{n}", right=False) for n in range(count)]
    p99s = []
    for _ in range(options.pairs):
        times, cores = one_by_one(peer, options.seconds, guesses)
        p99s.append(times[1])
        print(
            f"p99      {peer.name:22}{times[0]:12.4f}{times[1]:10.4f}{times[2]:10.2f}   {cores:.1f} cores busy",
            flush=True,
        )
    print(f"p99      median of runs {statistics.median(p99s):.2f} ms (from {min(p99s):.2f} to {max(p99s):.2f})")


NAMES = ("latency", "p99")
"""The names that `--only` selects from."""


def measure(options: Options) -> None:
    """Print the selected measurements."""
    selected = [run for name, run in zip(NAMES, (latency, beside_hashing), strict=True) if options.selects(name)]
    if not selected:
        return
    print(f"{'':31}{_HEADING}")
    with open_scratch() as scratch:
        for run in selected:
            run(scratch, options)


if __name__ == "__main__":
    measure(parse_options(__doc__))
