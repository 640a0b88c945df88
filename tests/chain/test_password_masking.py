"""Neither a reason nor a record of a backend shows the password of a request, in any form."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.helper import Helper, Site
from tests.plugins import plugin
from tests.plugins.leaking_backend import FORMS, OF_ANOTHER_REQUEST

BACKENDS = {"threaded.example": "Threaded", "fast.example": "Fast", "async.example": "Async"}
PASSWORDS = {
    "letters": b"sesame",
    "utf-8": "päss\twörd 'and\" \\ €/+%41&< ".encode(),
    "latin-1": b"caf\xe9 \xfc\t12 ",
    "symbols": b"\xbf\xef~?>\xfb\xff?",  # it begins in the middle of a character; base64 has + and / for it
    "a failure": b"fail'ure  two blanks",
}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with one worker and three backends that repeat passwords."""
    site = Site(tmp_path_factory.mktemp("leaking"))
    site.write("leaking_backend.py", plugin("leaking_backend.py"))
    sections = "".join(
        f'[[backend]]\ntype = "leaking_backend.py:{name}"\nname = "{name}"\ndomains = ["{domain}"]\n'
        for domain, name in BACKENDS.items()
    )
    site.configure(f'[helper]\nworkers = 1\n[log]\nmail_server_level = "All Info"\n{sections}')
    helper = site.serve()
    yield helper
    helper.kill()


def _records(helper: Helper, account: str, password: bytes) -> tuple[str, str]:
    """Let an account log in. Return the record of its backend, and that of the request."""
    helper.information.clear()
    helper.ask(b"%d VRFY %s %s" % (next(_numbers), account.encode(), password))
    request = helper.wait_for_information(f"account={account} ")
    return helper.wait_for_information("^(Threaded|Fast|Async)"), request


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
@pytest.mark.parametrize("form", [form for form in FORMS if form != "harmless"])
def test_text_with_the_password_is_withheld(leaking: Helper, form: str, password: bytes) -> None:
    for domain, backend in BACKENDS.items():
        record, request = _records(leaking, f"{form}@{domain}", password)
        assert record == f"{backend}: a record is withheld: it may contain a password"
        assert request.endswith(' reason="the reason is withheld: it may contain the password"')


@pytest.mark.parametrize("domain", BACKENDS)
def test_harmless_text_is_logged(leaking: Helper, domain: str) -> None:
    record, request = _records(leaking, f"harmless@{domain}", b"sesame")
    assert record.endswith("says the directory is down")
    assert request.endswith(' reason="cause the directory is down"')


@pytest.mark.parametrize("password", [b"ay", b"own", b"123"])
def test_short_password_withholds_the_whole_text(leaking: Helper, password: bytes) -> None:
    record, request = _records(leaking, "raw@fast.example", password)
    assert record == "Fast: a record is withheld: it may contain a password"
    assert request.endswith(' reason="the reason is withheld: it may contain the password"')


def test_reason_with_the_response_of_a_mechanism_is_withheld(leaking: Helper) -> None:
    for response, shown in ((b"down", "the reason is withheld"), (b"up", "cause the directory is down")):
        leaking.information.clear()
        leaking.ask(b"1 SASL(CRAM-MD5) any@fast.example %s <challenge>" % response)
        assert f'reason="{shown}' in leaking.wait_for_information("account=any@fast.example ")


def test_password_of_another_request_under_way_is_withheld(leaking: Helper) -> None:
    leaking.information.clear()
    leaking.send(f"a VRFY waits@threaded.example {OF_ANOTHER_REQUEST}".encode(), b"b VRFY tells@threaded.example any")
    assert leaking.reply(b"a") == leaking.reply(b"b") == b"OK"
    leaking.wait_for_information("^Threaded: a record is withheld")
    leaking.wait_for_information("^a record is withheld")  # the name of a logger is the password
    assert not [line for line in leaking.information if OF_ANOTHER_REQUEST in line]
