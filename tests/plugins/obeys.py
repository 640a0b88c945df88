"""A backend that does what the password says, up to its first slash, and notes in which process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from extauth import Account, Backend, Secret, Settings, Verdict

_MANY = 10 * 2**20  # bytes


class ObeysSettings(Settings, frozen=True):
    """`folder` has the FIFO `gate`, and gets the file `notes`."""

    folder: Path


class Obeys(Backend[ObeysSettings]):
    """Lets in whoever has it do something, but for "no"."""

    Settings = ObeysSettings

    def open(self) -> None:
        self._note("open")

    def close(self) -> None:
        self._note("close")

    def verify_password(self, account: Account, password: Secret) -> Verdict:
        order = password.reveal().decode().partition("/")[0]
        self._note(order)
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
        }.get(order, lambda: None)()
        return Verdict.PASSWORD_MISMATCH if order == "no" else Verdict.OK

    def _note(self, what: str) -> None:
        with (self.settings.folder / "notes").open("a") as notes:
            notes.write(f"{what} {os.getpid()}\n")

    def _wait(self) -> None:
        with (self.settings.folder / "gate").open("rb", buffering=0) as gate:
            gate.read(1)

    def _hold_the_interpreter(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        ctypes.PyDLL(None).pause()

    def _stop(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        self._wait()  # the signal takes effect a little later

    def _start_children(self) -> None:
        """One of its own, and one that is nobody's and in a session of its own."""
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
        sys.stderr.write("x" * _MANY)
        sys.stderr.flush()
        os.write(2, b"x" * _MANY)
        os.write(1, b"x" * _MANY)

    def _log_much(self) -> None:
        for _ in range(3 * _MANY // 1024):
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
