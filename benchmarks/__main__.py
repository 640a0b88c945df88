"""Run everything that `make bench` shows: the machine, extauth beside its peers, latency, growth.

    .venv/bin/python -m benchmarks [--only GLOB] [--pairs N] [--seconds S]

docs/benchmarks.md explains the measurements and their limits.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import against_peers, growth, latency
from benchmarks.comparisons import WORKLOADS
from benchmarks.options import parse_options
from extauth.version import VERSION

PACKAGES = ("dovecot-core", "sasl2-bin", "squid", "slapd", "libpam-pwdfile", "libnet-ldap-perl", "perl", "libcrypt1")


def machine() -> str:
    """Describe this machine and the versions of the programs."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    show = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}, ", *PACKAGES]
    versions = subprocess.run(show, check=False, capture_output=True, text=True).stdout.rstrip(", ")
    return (
        f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"load {os.getloadavg()[0]:.1f}\nextauth {VERSION}, Python {platform.python_version()}; {versions}\n"
    )


def main() -> None:
    """Run the selected measurements."""
    options = parse_options(__doc__)
    names = [*(workload.name for workload in WORKLOADS), *latency.NAMES, *growth.NAMES]
    if not any(map(options.selects, names)):
        sys.exit(f"--only {options.only}: no workload has this name; choose from: {', '.join(names)}")
    began = time.perf_counter()
    print(machine(), flush=True)
    against_peers.measure(options)
    print()
    latency.measure(options)
    print()
    growth.measure(options)
    print(f"\n{time.perf_counter() - began:.0f} seconds, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
