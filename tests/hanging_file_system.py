"""A file system that can hang, as NFS does when its server is gone. Tests that use it are marked `needs_fuse`."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.helper import PATIENCE, wait_until

_OPTIONS = (
    "attr_timeout=0,entry_timeout=0,negative_timeout=0"  # the kernel must remember nothing: each access is a call
)


class HangingFileSystem:
    """A file system in `folder` that works until `stop` is called. Leave its block, and it is gone.

    One bindfs shows the folder of another one. When the inner one is stopped, a call waits in the outer one. So the
    process that calls is in state D: no signal ends it until the file system goes on.

    While it hangs, each access to `folder` hangs, also in the test.
    """

    def __init__(self, parent: Path) -> None:
        self.folder = parent / "hanging"
        self._inner = parent / "hanging-inner"
        self._stored = parent / "hanging-stored"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> HangingFileSystem:
        for folder in (self._stored, self._inner, self.folder):
            folder.mkdir()
        with ExitStack() as stack:
            stack.callback(self._clean_up)
            self._mount(self._stored, self._inner)
            self._mount(self._inner, self.folder)
            stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._clean_up()

    def stop(self) -> None:
        """Let every access hang from now on."""
        inner = self._processes[0].pid
        os.kill(inner, signal.SIGSTOP)
        os.waitpid(inner, os.WUNTRACED)

    def resume(self) -> None:
        """Let everything go on that hangs."""
        self._processes[0].send_signal(signal.SIGCONT)

    def holds_a_call(self) -> bool:
        """Return whether a process waits for the stopped file system: it has called, and no signal ends it now."""
        threads = Path(f"/proc/{self._processes[1].pid}/task").iterdir()
        return any((thread / "wchan").read_text() == "request_wait_answer" for thread in threads)

    def _mount(self, source: Path, target: Path) -> None:
        self._processes.append(
            subprocess.Popen(["bindfs", "-f", "--multithreaded", "-o", _OPTIONS, str(source), str(target)])
        )
        wait_until(lambda: os.path.ismount(target) or self._processes[-1].poll() is not None, f"the mount at {target}")
        assert self._processes[-1].poll() is None, "bindfs does not work here"

    def _clean_up(self) -> None:
        """End both processes, the inner one first: then nothing hangs any more."""
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE)
        for target in (self.folder, self._inner):
            subprocess.run(["umount", "-l", str(target)], check=False, capture_output=True)
