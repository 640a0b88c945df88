"""What the processes of a program use up while it is driven."""

from __future__ import annotations

import threading
from types import TracebackType

from extauth.harness.processes import Running, proportional_set_size, tree

_EVERY = 0.5  # seconds


class Consumption:
    """Of the process `root`, if there is one, and all that it started, from entering the context to leaving it.

    Looked at from time to time, in a thread of its own. What /proc does not tell is None.
    """

    def __init__(self, root: int | None) -> None:
        self.cpu: float | None = None
        """Seconds of CPU, in user and system mode."""
        self.memory: int | None = None
        """Bytes at the end, the sum of the proportional set sizes: what processes share counts once."""
        self.peak: int | None = None
        """The most bytes that were seen."""
        self.processes = 0
        """How many processes there were at the end."""
        self._root = root
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="consumption")

    def __enter__(self) -> Consumption:
        self._at_first = sum(process.cpu for process in self._tree())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join()
        alive = self._tree()
        self._look()
        self.processes = len(alive)
        if any(process.id == self._root for process in alive):
            self.cpu = sum(process.cpu for process in alive) - self._at_first

    def _look_on(self) -> None:
        while not self._enough.wait(_EVERY):
            self._look()

    def _tree(self) -> list[Running]:
        return [] if self._root is None else tree(self._root)

    def _look(self) -> None:
        sizes = [size for process in self._tree() if (size := proportional_set_size(process.id)) is not None]
        if sizes:
            self.memory = sum(sizes)
            self.peak = max(self.peak or 0, self.memory)
