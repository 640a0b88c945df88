"""Verdicts that count for a while, and password checks that several requests share.

password_cache   all of it, as the request handler uses it; the single-flight part
verdicts         one verdict for each account and password
lines            lines that came before, word for word: they get a reply without being parsed
"""

from extauth.frontend.cache.lines import CachedVerdict
from extauth.frontend.cache.password_cache import PasswordCache

__all__ = ["CachedVerdict", "PasswordCache"]
