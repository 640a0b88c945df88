"""What some tests need of the machine. The end of a run names the tests that could not run, and what to do."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections import Counter
from pathlib import Path

import pytest

_FUSE = Path("/dev/fuse")
_FUSE_NUMBER = os.makedev(10, 229)  # Documentation/admin-guide/devices.txt of Linux
_CAP_SYS_PTRACE = 1 << 19
_AS_ROOT = "needs root rights; run: sudo make test"
_IN_CONTAINER = "in a container, start it with: docker run --privileged"


def _why_no_root() -> str:
    return "" if os.geteuid() == 0 else _AS_ROOT


def _why_no_mounts() -> str:
    if os.geteuid() != 0:
        return _AS_ROOT
    mount = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]  # this mount ends with the command
    works = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    return "" if works else f"needs to mount file systems; {_IN_CONTAINER}"


def _why_no_fuse() -> str:
    """Make /dev/fuse if it is missing: some containers may use it, but do not have it."""
    if why := _why_no_mounts():
        return why
    with contextlib.suppress(OSError):
        os.mknod(_FUSE, 0o600 | stat.S_IFCHR, _FUSE_NUMBER)
    try:
        os.close(os.open(_FUSE, os.O_RDWR))
    except OSError as error:
        return f"needs /dev/fuse ({error.strerror}); run: sudo modprobe fuse && sudo make test; {_IN_CONTAINER}"
    return ""


def _why_no_tracing() -> str:
    if os.geteuid() != 0:
        return _AS_ROOT
    (capabilities,) = (
        line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")
    )
    return "" if int(capabilities, 16) & _CAP_SYS_PTRACE else f"needs to trace processes; {_IN_CONTAINER}"


def _need(why_not: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(why_not), reason=why_not)


needs_root = _need(_why_no_root())
needs_mounts = _need(_why_no_mounts())
needs_fuse = _need(_why_no_fuse())
needs_tracing = _need(_why_no_tracing())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of the run which tests did not run, why, and what to do."""
    skipped: dict[str, Counter[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        skipped.setdefault(reason, Counter())[report.nodeid.partition("[")[0]] += 1
    if not skipped:
        return
    terminalreporter.section("NOT TESTED", red=True, bold=True)
    for reason, tests in skipped.items():
        terminalreporter.write_line(f"{tests.total()} tests: {reason}", red=True)
        for test, count in tests.items():
            terminalreporter.write_line(f"    {test}" + (f" ({count} times)" if count > 1 else ""))
