"""Measure how much an LDAP server that hangs slows down other domains. Their p99 must at most double.

    .venv/bin/python -m benchmarks.bulkhead [PAIRS]

A helper serves one domain from a real slapd and one domain from a file. The program sends one request after another
for the domain of the file: first alone, then while slapd is frozen and 1,000 requests wait for it. It repeats both
PAIRS times (default: 5).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.programs import Helper
from tests.backends.ldap.ldap_site import ENTRIES, PEOPLE, PEOPLE_BY_UID, READER, ldap_site, section
from tests.backends.ldap.slapd import Slapd

HANGING = 1_000  # requests
REQUESTS = 4_000


def milliseconds(helper: Helper) -> tuple[float, float]:
    """Return median and p99 of the domain that the file serves."""
    times = sorted(helper.verify("bob@files.example", "password")[1] * 1000 for _ in range(REQUESTS))
    return times[REQUESTS // 2], times[REQUESTS * 99 // 100]


def main() -> None:
    """Measure as many pairs as the command line gives."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        slapd = Slapd(Path(folder) / "slapd", ENTRIES + PEOPLE)
        site = ldap_site(Path(folder))
        site.write("passwd", "bob@files.example:{PLAIN}password\n")
        files = '[[backend]]\ntype = "files"\ndomains = ["files.example"]\npath = "passwd"\n'
        directory = section("x", READER, PEOPLE_BY_UID, servers=repr(slapd.url)).replace("connections = 1", "")
        site.configure(f"[helper]\ndeadline = 120\n{directory}{files}")
        helper = Helper(site.config)
        helper.verify("alice@x.example", "open sesame")
        milliseconds(helper)
        print("pair   alone: median ms    p99 ms   1,000 hanging: median ms    p99 ms   ratio of p99")
        ratios = []
        for pair in range(1, pairs + 1):
            alone = milliseconds(helper)
            slapd.freeze()
            helper.send(*["2 VRFY alice@x.example open sesame"] * HANGING)
            beside = milliseconds(helper)
            slapd.thaw()
            helper.wait_for(HANGING)
            ratios.append(beside[1] / alone[1])
            print(f"{pair:4} {alone[0]:18.3f} {alone[1]:9.3f} {beside[0]:26.3f} {beside[1]:9.3f} {ratios[-1]:14.2f}")
        print(f"median ratio of p99: {statistics.median(ratios):.2f}")
        helper.end()
        slapd.kill()


if __name__ == "__main__":
    main()
