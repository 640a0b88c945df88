"""The services that the helper uses: Redis for the throttle, and the mail server. Each fails for a time."""

from __future__ import annotations

import functools
import os
import random
import signal
from collections.abc import Callable

from tests.frontend.redis_server import Redis
from tests.helper import Site
from tests.soak.mail_server import MailServer, State
from tests.soak.traffic import THROTTLED_BEYOND

_THROTTLE = f"failures = {THROTTLED_BEYOND}\nwindow = 60\ndelay = 0.5\nlongest_delay = 1.5"


class Services:
    """Starts both."""

    def __init__(self, seed: int, site: Site) -> None:
        self._random = random.Random(seed)  # chooses disturbances, not secrets
        folder = site.folder / "redis"
        folder.mkdir()
        site.write("robot.secret", "secret of robot\n")
        self.redis = Redis(folder)
        self.mail_server = MailServer()
        self._end_to_fail: Callable[[], None] | None = None

    def configuration(self) -> str:
        """Return the sections of the configuration for them."""
        throttle = self.redis.settings(_THROTTLE)
        mail_server = f'account = "robot"\npassword_file = "robot.secret"\nport = {self.mail_server.port}\n'
        provision = "limit_per_minute = 10000\n"
        return f"[throttle]\n{throttle}\n[mail_server]\n{mail_server}[provision]\n{provision}"

    def begin_to_fail(self) -> str:
        """Let one of them fail. Return what happened; nothing if one fails already."""
        if self._end_to_fail is not None:
            return ""
        kind = self._random.choice(["killed", "hangs", State.AWAY, State.SILENT, State.BREAKS])
        if isinstance(kind, State):
            self.mail_server.change(kind)
            self._end_to_fail = functools.partial(self.mail_server.change, State.WORKS)
            return f"mail server {kind.value}"
        if kind == "killed":
            self.redis.kill()
            self._end_to_fail = self.redis.start
        else:
            os.kill(self.redis.process, signal.SIGSTOP)
            self._end_to_fail = functools.partial(os.kill, self.redis.process, signal.SIGCONT)
        return f"Redis {kind}"

    def end_to_fail(self) -> None:
        """Let it work again."""
        if self._end_to_fail is not None:
            self._end_to_fail()
            self._end_to_fail = None

    def end(self) -> None:
        """End both."""
        self.redis.kill()
        self.mail_server.close()
