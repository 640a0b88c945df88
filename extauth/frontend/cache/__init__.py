"""What is remembered of passwords: those that were checked, and those that are being checked.

memory      all of it, as the front desk asks for it
shortcut    lines that came before, answered without being read again
cache       verdicts: one for an account and a password
accepted    of these the passwords that are right
marks       digests in flat memory: the lines that brought them
known       a verdict that is kept
keyed       what is kept in the place of a password or a line
eviction    who goes where a table is full
"""

from extauth.frontend.cache.known import CachedVerdict
from extauth.frontend.cache.memory import Memory

__all__ = ["CachedVerdict", "Memory"]
