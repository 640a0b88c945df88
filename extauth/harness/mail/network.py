"""The network of the mail server: twisted's reactor, which runs on a loop of asyncio.

Twisted makes the connections, because its TLS keeps keys in memory and has all settings of OpenSSL. The protocols are
coroutines of asyncio. Import the reactor from here: it must be installed before any other module of twisted needs it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet import asyncioreactor

loop = asyncio.new_event_loop()
asyncioreactor.install(loop)

from twisted.internet import reactor as _reactor  # noqa: E402  # the line above decides which reactor this is

reactor: Any = _reactor
