"""A backend that does what the password says up to its first slash. It notes its process in a file."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from extauth import Account, Backend, Secret, Settings, Verdict

_FLOOD_SIZE = 10 * 2**20  # bytes


class ScriptedSettings(Settings, frozen=True):
    """`folder` has the FIFO `gate`. The file `notes` is written there."""

    folder: Path


class ScriptedBackend(Backend[ScriptedSettings]):
    """Returns PASSWORD_MISMATCH for "no" and OK for everything else."""

    Settings = ScriptedSettings

    def open(self) -> None:
        self._note("open")

    def close(self) -> None:
        self._note("close")

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        action = password.reveal().decode().partition("/")[0]
        self._note(action)
        {
            "wait": self._wait,
            "hold the interpreter": self._hold_the_interpreter,
            "stop": self._stop,
            "start children": self._start_children,
            "exit": self._exit,
            "abort": os.abort,
            "read address 0": self._read_address_0,
            "close 0, 1 and 2": self._close_standard_descriptors,
            "close everything": self._close_everything,
            "print": self._print,
            "flood": self._flood,
            "log": self._log_much,
            "grow": self._grow,
            "write to every socket": self._write_to_every_socket,
        }.get(action, lambda: None)()
        return Verdict.PASSWORD_MISMATCH if action == "no" else Verdict.OK

    def _note(self, text: str) -> None:
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"{text} {os.getpid()}\n")

    def _wait(self) -> None:
        with (self.settings.folder / "gate").open("rb", buffering=0) as gate:
            gate.read(1)

    def _hold_the_interpreter(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        ctypes.PyDLL(None).pause()

    def _stop(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        self._wait()  # the signal arrives a little later

    def _start_children(self) -> None:
        """Start a child, and an orphan in its own session."""
        child = subprocess.Popen(["sleep", "1000"])
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"a child {child.pid}\n")
            notes.flush()
            daemon = "sleep 1000 & echo a child $!"
            subprocess.run(["sh", "-c", daemon], stdout=notes, start_new_session=True, check=True)
        child.wait()

    def _exit(self) -> None:
        os._exit(0)

    def _read_address_0(self) -> None:
        ctypes.string_at(0)

    def _close_standard_descriptors(self) -> None:
        os.closerange(0, 3)

    def _close_everything(self) -> None:
        os.closerange(0, 1024)

    def _print(self) -> None:
        print("1 OK", flush=True)
        os.write(1, b"1 OK\n")
        subprocess.run(["echo", "1 OK"], check=True)

    def _flood(self) -> None:
        sys.stderr.write("x" * _FLOOD_SIZE)
        sys.stderr.flush()
        os.write(2, b"x" * _FLOOD_SIZE)
        os.write(1, b"x" * _FLOOD_SIZE)

    def _log_much(self) -> None:
        for _ in range(3 * _FLOOD_SIZE // 1024):
            self.log.warning("%s", "x" * 1024)
        self._note("logged")

    def _grow(self) -> None:
        self._grown = b"x" * 2**28
        self._wait()

    def _write_to_every_socket(self) -> None:
        for entry in Path("/proc/self/fd").iterdir():
            if entry.is_socket():
                os.write(int(entry.name), b"\0\0\0\1x")
        self._wait()
