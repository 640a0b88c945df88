"""What the tests of the cache share."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from types import FunctionType, ModuleType

from msgspec import Struct

from extauth.config import LogSettings, read_config
from extauth.frontend.cache import PasswordCache
from extauth.frontend.cache.lines import DIGEST_SIZE
from extauth.frontend.descriptors import Poller
from extauth.frontend.log import Log
from extauth.model import Account
from extauth.workers.frontend_config import FrontendConfig
from tests.helper import Helper, Site

OK, NEGATIVE, TEMPORARY = b"OK", b"ERROR incorrect password", b"ERROR temporary failure"


LOG_NO_VERDICTS = '[log]\nmail_server_level = "Major & Failures"\n'
LOG_ALL_VERDICTS = '[log]\nmail_server_level = "Low Level"\n'


SILENT = Log(LogSettings(mail_server_level="Failures"), Poller())


ALICE = Account("alice", "example.com")


RIGHT, WRONG = (word.ljust(DIGEST_SIZE, b".") for word in (b"right", b"wrong"))


def config_of(site: Site, sections: str) -> FrontendConfig:
    """Return a configuration with these sections and one backend."""
    site.configure(sections + Site.BASIC.replace("default_domain", "# default_domain"))
    return FrontendConfig.of(read_config(site.config))


def cache_of(site: Site) -> PasswordCache:
    """Return a cache that is switched on."""
    cache = PasswordCache()
    cache.configure(config_of(site, "[cache]\n"))
    return cache


def ask(helper: Helper, account: str, password: str) -> bytes:
    """Ask for a password of an account in example.com."""
    return helper.ask(f"1 VRFY {account}@example.com {password}".encode())


def count_lines(helper: Helper, pattern: str) -> int:
    """Count the information lines that match as a whole."""
    return sum(re.fullmatch(pattern, line) is not None for line in helper.information)


def bytes_in(root: object) -> Iterator[bytes]:
    """Yield every text that is reachable from this object. A function leads to its closure, not to its module."""
    seen: set[int] = set()
    found = [root]
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        if isinstance(each, bytes | str | memoryview):
            yield each.encode(errors="surrogateescape") if isinstance(each, str) else bytes(each)
        if isinstance(each, Struct):  # the garbage collector does not see the fields of some structs
            found += [getattr(each, field) for field in each.__struct_fields__]
        found += [each.__closure__] if isinstance(each, FunctionType) else gc.get_referents(each)
