"""Run the real program through real pipes. Every wait has a time limit; nothing sleeps."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PATIENCE = 20.0
"""Seconds that a test waits for something."""

EXTAUTH = [str(Path(sys.executable).with_name("extauth"))]


class Helper:
    """A running `extauth serve`. `program`: the start of its command line, instead of `extauth`."""

    def __init__(self, config: Path, program: Sequence[str] | None = None, /, **options: object) -> None:
        self.config = config
        keywords = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [*(program or EXTAUTH), "serve", "-c", str(config)], bufsize=0, start_new_session=True, **keywords
        )  # type: ignore[call-overload]
        self.replies: list[bytes] = []
        self.information: list[str] = []
        self._partial = b""

    def send(self, *lines: bytes) -> None:
        """Write lines, each with a line end."""
        self.write(b"".join(line + b"\n" for line in lines))

    def write(self, data: bytes) -> None:
        """Write all bytes."""
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def ask(self, line: bytes) -> bytes:
        """Send one request and return the status and text of its reply."""
        number = line.split(b" ")[0]
        self.send(line)
        return self.reply(number)

    def reply(self, number: bytes) -> bytes:
        """Wait for the reply to request `number` and return its status and text."""
        found: list[bytes] = []

        def has_come() -> bool:
            found[:] = [line for line in self.replies if line.split(b" ")[0] == number]
            return bool(found)

        self.wait_for(has_come, f"a reply to {number!r}")
        self.replies.remove(found[0])
        return found[0][len(number) + 1 :]

    def wait_for_replies(self, count: int) -> list[bytes]:
        """Wait for this many replies. Return all replies so far."""
        self.wait_for(lambda: len(self.replies) >= count, f"{count} replies")
        return self.replies

    def wait_for_information(self, pattern: str) -> str:
        """Return the first information line that matches. It may have come before."""
        found: list[str] = []

        def has_come() -> bool:
            found[:] = [line for line in self.information if re.search(pattern, line)]
            return bool(found)

        self.wait_for(has_come, f"information like {pattern!r}")
        return found[0]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Read until `condition` holds."""
        until = time.monotonic() + PATIENCE
        while not condition():
            if not self.read_for(until - time.monotonic()):
                raise AssertionError(f"{what} never came; {self}")

    def log_in(self, *accounts: str, password: str) -> None:
        """Let these accounts log in, so that they are no newcomers, which have only half of a backend's places."""
        for account in accounts:
            assert self.ask(f"login VRFY {account} {password}".encode()) == b"OK"

    def close(self) -> None:
        """Close its standard input, as the mail server does."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self) -> int:
        """Close its standard input, read the rest of its output, and return its exit status."""
        self.close()
        return self.wait_for_end()

    def wait_for_end(self) -> int:
        """Read the rest of its output and return its exit status."""
        until = time.monotonic() + PATIENCE
        while self.read_for(until - time.monotonic()):
            pass
        return self.process.wait(PATIENCE)

    def errors(self) -> str:
        """Return its standard error. Call this after it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def descendants(self) -> list[int]:
        """Return the processes below it, supervisors first."""
        parents = {int(entry.name): parent_of(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
        found = [self.process.pid]
        for process in found:
            found += [child for child, parent in parents.items() if parent == process]
        return found[1:]

    def processes(self, kind: str) -> list[int]:
        """Return the processes below it that `ps` shows as `extauth: KIND`.

        A new process has the title of its parent for a moment: such ones are left out.
        """
        titles = {process: title_of(process) for process in [self.process.pid, *self.descendants()]}
        return [
            process
            for process, title in titles.items()
            if title.startswith(f"extauth: {kind}") and title != titles.get(parent_of(process), "")
        ]

    def kill(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def read_for(self, seconds: float) -> bool:
        """Read once within this time. Return False if nothing came."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if line.startswith(b"* "):
                self.information.append(line[2:].decode())
            else:
                self.replies.append(line)
        return bool(data)

    def __str__(self) -> str:
        return f"replies {self.replies[-20:]}, information {self.information[-20:]}, status {self.process.poll()}"


class Site:
    """A folder with a configuration and its files."""

    ACCOUNTS = """\
alice@example.com:{PLAIN}open sesame
bob@example.com:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=
"""
    """alice's password is stored in clear text. bob's is "password", stored as a digest."""

    BASIC = """\
default_domain = "example.com"
[[backend]]
type = "files"
path = "passwd"
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "extauth.toml"
        self.helpers: list[Helper] = []

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        """Replace a file by a new one, as editors do."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        new.chmod(mode)
        new.replace(path)
        return path

    def configure(self, text: str = BASIC) -> Path:
        """Write the configuration."""
        return self.write("extauth.toml", text)

    def serve(self, program: Sequence[str] | None = None, /, **options: object) -> Helper:
        """Start a helper; `options` are those of subprocess.Popen."""
        helper = Helper(self.config, program, **options)
        self.helpers.append(helper)
        return helper

    def run(
        self, *arguments: str, input: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `extauth` with these arguments until it ends."""
        return subprocess.run(
            [*EXTAUTH, *arguments],
            input=input,
            capture_output=True,
            check=False,
            timeout=60,
            cwd=self.folder,
            env=environment,
        )

    def session(self, *lines: bytes) -> list[bytes]:
        """Send these lines to `extauth serve`, wait for a reply to each, and return the replies, sorted by number."""
        helper = self.serve(cwd=self.folder)
        helper.send(*lines)
        helper.wait_for_replies(len(lines))  # after the end of its input it would wait only 3.2 seconds
        assert helper.end() == 0
        return sorted(helper.replies)


def parent_of(process: int) -> int:
    """Return the parent of a process; 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def title_of(process: int) -> str:
    """Return the command line of a process, as `ps` shows it; nothing if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()
    except OSError:
        return ""


def state_of(process: int) -> str:
    """Return the letter of a process's state, as `ps` shows it; Z if it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def is_alive(process: int) -> bool:
    """Return whether a process runs. A zombie does not."""
    return state_of(process) != "Z"


def stop_process(process: int) -> None:
    """Stop a process with SIGSTOP. Return when it has stopped, which takes a moment after the signal."""
    os.kill(process, signal.SIGSTOP)
    wait_until(lambda: state_of(process) in "TZ", f"the stop of process {process}")


def processor_time(process: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Check a condition every 10 ms until it holds. For conditions that have no event."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what} never came"
        select.select([], [], [], 0.01)


def wait_for_serving(helper: Helper, times: int) -> None:
    """Wait for the log line that comes once at the start and once for each reload."""
    helper.wait_for(
        lambda: sum("serving with" in line for line in helper.information) >= times, f"serving for the {times}. time"
    )


def send_sighup(helper: Helper) -> None:
    """Forget the information lines so far, and send SIGHUP."""
    helper.information.clear()
    helper.process.send_signal(signal.SIGHUP)


def wait_for_exit(processes: list[int]) -> None:
    """Wait until none of these processes runs."""
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


@contextlib.contextmanager
def clean_exit(*helpers: Helper) -> Iterator[None]:
    """Check that the block ends these helpers: status 0, no process left, nothing on standard error."""
    processes = [process for helper in helpers for process in helper.descendants()]
    yield
    for helper in helpers:
        assert helper.wait_for_end() == 0
        assert helper.errors() == ""
    wait_for_exit(processes)
