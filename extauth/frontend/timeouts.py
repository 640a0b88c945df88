"""How long the frontend waits for something, in seconds, and what happens when the time is over.

From the end of input, `REPLY`, `WRITE`, `FINISH`, `KILL` and `REAP` follow one another: together they are less than the
5 seconds of docs/protocol.md, section 5.
"""

TICK = 0.25
"""From one round of maintenance to the next one."""

SHORT_TICK = 0.05
"""The same while workers have requests, or start."""

POLL = 0.01
"""Between two looks at something that has no event, while the frontend ends."""

# --- the start ------------------------------------------------------------------------------------------

START = 5.0
"""At the start requests are left unread until the first generation is loaded. After this time they are read, and their
deadlines run, unless the configuration itself has not been read."""

LOAD_IDNA = 0.2
"""Requests are served. After this time the frontend loads the tables for international domains, and later nothing."""

LOAD = 120.0
"""A supervisor reads the configuration and loads the backends. If that takes longer, the configuration is refused: at
the start the helper ends, later the previous generation stays. The supervisor is killed."""

ALL_READY = 0.25
"""A loaded generation takes over when all its workers are ready. After this time those that are ready are enough."""

RESTART = 1.0
"""Between two starts of a supervisor, if one cannot be started or the serving one dies again."""

RELOAD = 10.0
"""A supervisor died while it loaded, maybe because the memory was full. After this time it is started again."""

REMIND = 600.0
"""A changed file is not in force. After this time the log says so again."""

# --- a generation that leaves ---------------------------------------------------------------------------

DRAIN = 1.0
"""After the deadline of its last request, an old generation may still have requests in workers that cannot be killed.
After this time it ends all the same."""

DISCONNECT = 1.9
"""Stopped workers disconnect from their databases, and finish the account that they create. After this time the
supervisor kills them."""

CLOSE = 0.2
"""A supervisor kills its workers and ends. After this time it and its workers are killed, and not waited for."""

# --- the end --------------------------------------------------------------------------------------------

REPLY = 3.0
"""From the end of input, requests under way get their replies. After this time the rest gets "temporary failure"."""

WRITE = 0.5
"""The mail server reads the last replies. After this time they are dropped."""

END = 2.0
"""The workers disconnect and end, and the handover sets passwords, if so much of `REPLY` is left. After this time they
are killed."""

FINISH = 0.4
"""The same if less of `REPLY` is left."""

KILL = 0.3
"""The supervisors kill their workers and end. After this time all of them are killed."""

REAP = 0.2
"""Killed processes end. After this time the frontend ends without them."""

LOG = 0.5
"""The log writer writes the last records, if so much time is left. After this time it is killed, and not waited for."""

# --- workers --------------------------------------------------------------------------------------------

READY = 10.0
"""A supervisor forks a worker, and the worker gets ready. After this time the supervisor is killed as hung."""

SLOW = 0.05
"""A worker shows no sign of life, though it has requests. After this time other workers are preferred."""

MOVE = 0.2
"""The same: after this time its requests go to other workers, if no backend was called for them."""

MOVE_CALLED = 0.35
"""The same: after this time requests go to other workers although a backend runs for them, if it is `repeatable`."""

RETIRE = 1.0
"""The same: after this time the worker gets no more requests. It is killed when their deadlines are over."""

REVOKE = 0.01
"""A worker notices that a request was revoked. After this time the request is given to another worker."""

SURPLUS = 5.0
"""More workers serve than configured, because some were silent or died. After so long without trouble they stop."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""A worker died before it was ready. After this time the next one starts; each pause is twice as long as the last."""
