"""The terminal of a person who types requests: line editing, history, and passwords that are not shown."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import threading
from collections.abc import Iterator
from types import ModuleType

import click

_PROMPT = "> "


class LineEditor:
    """Reads lines with readline, in a thread, while the program's output goes on. `descriptor` gives the lines.

    The history is kept in memory alone: requests hold passwords.
    """

    def __init__(self) -> None:
        self._readline = _readline()
        self._wanted = threading.Semaphore(0)
        self._is_reading = False
        self._shows_prompt = False
        if self._readline is not None:
            self._readline.set_pre_input_hook(self._on_prompt)
        self.descriptor, self._writer = os.pipe()

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """Read lines as long as the block runs. Restore the terminal afterwards."""
        before = termios.tcgetattr(sys.stdin)
        threading.Thread(target=self._read_lines, daemon=True).start()
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def prompt(self) -> None:
        """Show the prompt, and read a line. If a line is being read, show what is typed so far again."""
        if self._is_reading:
            if self._shows_prompt:  # otherwise it will come by itself, when the terminal is set up for editing
                typed = self._readline.get_line_buffer() if self._readline is not None else ""
                click.echo(f"{_PROMPT}{typed}", nl=False)
            return
        self._is_reading = True
        self._wanted.release()

    def ask_password(self) -> bytes:
        """Read a password and do not show it. No line is read at that time."""
        password: str = click.prompt("Password", hide_input=True, default="", show_default=False)
        return password.encode(errors="surrogateescape")

    def _on_prompt(self) -> None:
        self._shows_prompt = True

    def _read_lines(self) -> None:
        while self._wanted.acquire():
            try:
                line = input(_PROMPT)
            except (EOFError, OSError):
                os.close(self._writer)
                return
            self._is_reading = self._shows_prompt = False
            os.write(self._writer, line.encode(errors="surrogateescape") + b"\n")


def _readline() -> ModuleType | None:
    """Return the module readline, whose import gives `input` line editing and history; None if Python has none."""
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # it is a terminal
    try:
        import readline
    except ImportError:
        return None
    readline.parse_and_bind("set enable-bracketed-paste off")
    return readline
