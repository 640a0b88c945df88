"""An unknown account makes about the same work as a wrong password, so the time tells little about accounts."""

from __future__ import annotations

import time
from pathlib import Path

import passlib.hash  # type: ignore[import-untyped]

from tests.backends.ldap.ldap_servers import BIND, BIND_RESPONSE, SEARCH, SEARCH_DONE, Responder, result
from tests.backends.ldap.ldap_site import ENTRIES, HASHES, PEOPLE_BY_UID, Serve, check_login, person
from tests.backends.ldap.slapd import Slapd
from tests.helper import Helper

NEGATIVE = b"ERROR incorrect password"


def test_unknown_account_causes_a_bind_that_always_fails(serve: Serve) -> None:
    binds: list[bytes] = []

    def respond(tag: int, operation: bytes) -> list[bytes]:
        if tag == SEARCH:
            return [result(SEARCH_DONE, 0)]
        binds.append(operation)
        return [result(BIND_RESPONSE, 0)] if tag == BIND else []

    server = Responder(respond)
    check_login(serve(server.url, keys=PEOPLE_BY_UID), b"nobody@x.example guess", NEGATIVE, "verdict=USER_UNKNOWN")
    assert any(b"no account" in bind for bind in binds)
    assert not any(b"guess" in bind for bind in binds)
    server.close()


def test_unknown_account_takes_as_long_as_a_wrong_password(serve: Serve, tmp_path: Path) -> None:
    stored = passlib.hash.sha512_crypt.using(rounds=200_000).hash("its own")
    slapd = Slapd(tmp_path / "own", ENTRIES + person("known", "{CRYPT}" + stored))
    helper = serve(slapd.url, keys=f'{HASHES}\n{PEOPLE_BY_UID}\ncheck = "hash"')
    wrong, unknown = shortest(helper, "known"), shortest(helper, "nobody")
    assert unknown > wrong / 2
    slapd.kill()


def shortest(helper: Helper, name: str) -> float:
    """Return the shortest of five times until a refusal, in seconds."""
    times = []
    for number in range(5):
        start = time.perf_counter()
        assert helper.ask(b"%d VRFY %s@x.example guess" % (number, name.encode())) == NEGATIVE
        times.append(time.perf_counter() - start)
    return min(times)
