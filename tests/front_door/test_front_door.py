"""Random password files and requests: the running helper replies as the model does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.front_door import strategies
from tests.front_door.model import OK, Made, Model
from tests.helper import Helper, Site, send_sighup, wait_for_serving

_CONFIG = """\
default_domain = "example.com"
[log]
mail_server_level = "Major & Failures"
[cache]
[[backend]]
type = "files"
path = "plain"
domains = ["example.com", "bücher.example"]
[[backend]]
type = "files"
path = "dovecot"
format = "dovecot"
domains = ["example.org"]
"""
_TOKENS = {"plain": "token@example.com", "dovecot": "token@example.org"}
_counter = itertools.count()


class Door:
    """A running helper that speaks one dialect, and a counter for its requests."""

    def __init__(self, site: Site, dialect: str) -> None:
        self.site = site
        self.dialect = dialect
        for name, token in _TOKENS.items():
            site.write(name, f"{token}:{{PLAIN}}first\n")
        site.configure(_CONFIG)
        self.helper: Helper = site.serve()
        wait_for_serving(self.helper, 1)
        if dialect == "helper":
            assert self.helper.ask(b"1 INTF 7") == b"INTF 7"

    def load(self, files: dict[str, bytes], token: str) -> None:
        """Replace the password files and wait until both are in use."""
        for name, content in files.items():
            self.site.write(name, content)
        send_sighup(self.helper)
        for times in itertools.count(1):
            wait_for_serving(self.helper, times)
            lines = [f"VRFY {account} {token}".encode() for account in _TOKENS.values()]
            if self.ask(lines) == [OK, OK]:
                return

    def ask(self, lines: list[bytes]) -> list[bytes]:
        """Send these lines together, with numbers. Return the replies in the same order."""
        numbers = [b"%d" % next(_counter) for _ in lines]
        self.helper.send(*[number + b" " + line for number, line in zip(numbers, lines, strict=True)])
        return [self.helper.reply(number) for number in numbers]


@pytest.fixture(scope="module", params=["classic", "helper"])
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    site = Site(tmp_path_factory.mktemp("door"))
    yield Door(site, request.param)
    for helper in site.helpers:
        helper.kill()


@given(data=st.data())
@examples(20)
def test_each_reply_is_the_one_of_the_model(door: Door, data: st.DataObject) -> None:
    token = f"token{next(_counter)}"
    files, made = _draw_files(data, token)
    lines = _draw_lines(data, door, files, made)
    door.load(files, token)
    _check(door, lines, Model(files, made))


@given(data=st.data())
@examples(2)
def test_a_file_that_is_cut_off_changes_no_reply(door: Door, data: st.DataObject) -> None:
    token = f"token{next(_counter)}"
    files, made = _draw_files(data, token)
    name = data.draw(st.sampled_from(["plain", "dovecot"]))
    files[name] = files[name].rstrip(b"\n") + b"\nlast@example.com:{PLAIN}last\nlast@example.org:{PLAIN}last:::::\n"
    lines = _draw_lines(data, door, files, made)
    lines += [
        b"VRFY last@%s %s" % (domain, b"last"[:cut]) for domain in (b"example.com", b"example.org") for cut in (1, 4)
    ]
    door.load(files, token)
    door.helper.information.clear()
    cut_off = files[name][: -data.draw(st.integers(1, 5 if name == "dovecot" else 34))]
    door.site.write(name, cut_off.rstrip(b"\n"))
    door.helper.wait_for_information("reload failed, keeping the previous configuration: .*no line end any more")
    _check(door, lines, Model(files, made))


def _check(door: Door, lines: list[bytes], model: Model) -> None:
    expected = [(line, model.reply(b"1 " + line, door.dialect)) for line in lines]
    for _ in range(2):  # the cache answers the second time
        assert list(zip(lines, door.ask(lines), strict=True)) == expected


def _draw_files(data: st.DataObject, token: str) -> tuple[dict[str, bytes], dict[bytes, Made]]:
    files, made = {}, {}
    for name, account in _TOKENS.items():
        files[name], some = data.draw(strategies.files(name, f"{account}:{{PLAIN}}{token}".encode()))
        made.update(some)
    return files, made


def _draw_lines(data: st.DataObject, door: Door, files: dict[str, bytes], made: dict[bytes, Made]) -> list[bytes]:
    lines = data.draw(st.lists(strategies.requests(door.dialect), max_size=20))
    for address, password in _accounts(files, made):
        lines += strategies.guesses(address, password, door.dialect)
    return lines


def _accounts(files: dict[str, bytes], made: dict[bytes, Made]) -> list[tuple[str, bytes]]:
    """Return the addresses in the files, each with the password that its stored value was made from."""
    accounts = []
    for name, content in files.items():
        for line in content.splitlines():
            address, _, stored = line.partition(b":")
            if name == "dovecot":
                stored = stored.partition(b":")[0]
            password = made[stored].password if stored in made else stored.removeprefix(b"{PLAIN}")
            text = address.decode(errors="ignore")
            if "@" not in text and name == "dovecot":
                text += "@example.org"
            accounts.append((text, password))
    return accounts
