"""What a worker is doing, in memory that it shares with the frontend. It can still be read when the worker has died."""

from __future__ import annotations

import mmap
import os

SLOTS = 16_384
"""How many requests a worker can have. Each has a slot, a number that stands for it in marks and messages."""

CALLED = 1
"""A backend was called for the request."""

NOT_REPEATABLE = 2
"""One of them is not `repeatable`: the request must not be sent to another worker."""

IN_CALL = 4
"""A backend's code runs for the request at this moment, so it may be the one that kills the worker."""

_HEADER = 64  # bytes, the counters
_SIZE = _HEADER + 2 * SLOTS
_BEAT, _PROGRESS, _HANDLED = range(3)


class CallMarks:
    """One mark for each slot, and counters that show that the worker is alive.

    The worker sets marks before it calls a backend. The frontend sets `revoked` for a slot, looks at the mark some
    milliseconds later, and then gives the request to another worker; this one calls no more backends for it.
    """

    def __init__(self, descriptor: int) -> None:
        memory = memoryview(mmap.mmap(descriptor, _SIZE))
        self._counters = memory[:_HEADER].cast("Q")
        self.called = memory[_HEADER : _HEADER + SLOTS]
        self.revoked = memory[_HEADER + SLOTS :]

    @staticmethod
    def create_memory() -> int:
        """Return a descriptor of new memory, which both processes use. Raise OSError."""
        descriptor = os.memfd_create("extauth-call-marks", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, _SIZE)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    # --- worker ---------------------------------------------------------------------------------------

    def start_call(self, slot: int, *, repeatable: bool) -> bool:
        """Mark a request before a backend is called for it. Return False if the frontend has revoked the request."""
        before = self.called[slot]
        self.called[slot] = before | CALLED | IN_CALL | (0 if repeatable else NOT_REPEATABLE)
        if self.revoked[slot]:
            self.called[slot] = before
            return False
        return True

    def end_call(self, slot: int) -> None:
        """Mark that the backend has returned."""
        self.called[slot] &= ~IN_CALL

    def beat(self) -> None:
        """Show that threads run: no code holds the interpreter lock."""
        self._counters[_BEAT] += 1

    def progress(self) -> None:
        """Show that the main thread goes on with the requests that it has."""
        self._counters[_PROGRESS] += 1

    def batch_handled(self) -> None:
        """Show that the main thread has handled another batch."""
        self._counters[_HANDLED] += 1

    # --- frontend -------------------------------------------------------------------------------------

    @property
    def signs_of_life(self) -> tuple[int, int, int]:
        """The counters: beats, progress of the main thread, batches that it has handled."""
        beat, progress, handled = self._counters[:3].tolist()
        return beat, progress, handled

    def clear(self, slot: int) -> None:
        """Prepare a slot for another request."""
        self.called[slot] = 0
        self.revoked[slot] = 0
