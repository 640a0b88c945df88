"""The file system that hangs, which other tests use, really hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.hanging_file_system import HangingFileSystem
from tests.helper import PATIENCE, wait_until
from tests.needs import needs_fuse


def state(process: int) -> str:
    """Return the state of a process: one letter, as in `ps`."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


@needs_fuse
def test_no_signal_ends_a_process_until_the_file_system_resumes(tmp_path: Path) -> None:
    with HangingFileSystem(tmp_path) as system:
        system.stop()
        writer = "import sys; open(sys.argv[1], 'a').write('after\\n')"
        process = subprocess.Popen([sys.executable, "-c", writer, str(system.folder / "file")])
        wait_until(system.holds_a_call, "a call that hangs")
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: state(process.pid) == "D", "a process that waits for the file system")
        system.resume()
        process.wait(PATIENCE)
    assert not os.path.ismount(system.folder)
    assert not list(system.folder.iterdir())
