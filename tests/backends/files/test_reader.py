"""Reading password files: lines that are read together give the same result as line by line."""

from __future__ import annotations

import functools
import itertools
import logging
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.backends.files.reader import PasswordFileReader
from extauth.passwords import group_keys
from extauth.protocol.accounts import AccountParser
from tests.examples import examples
from tests.helper import Site
from tests.passwords.stored_passwords import ORACLES, SCHEMES

_SHA = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
_COSTLY = ["$6$rounds=999999999$abcdefgh$" + "a" * 86, "$2y$31$" + "a" * 21 + "." + "a" * 31]
_SPECIAL = [
    "",
    "!",
    "*",
    "x",
    "{SHA}short",
    "$6$",
    "$6$rounds=999999999$a$b",
    "{PLAIN}pw",
    "{NONE}",
    "plain",
    "{SHA",
    "$",
]
_NAMES = st.sampled_from(
    [
        "",
        "bob",
        "Bob",
        "carol",
        "a b",
        "é",
        "a@b.example",
        "a@B.example",
        "b@c.example",
        "a@b@c.example",
        "@",
        "a@-",
        "\x07",
    ]
)
_USUAL_NAMES = st.integers(0, 30).map(lambda number: f"user{number}")
_NO_ENTRIES = st.sampled_from(["", "#", "# a: comment", "\r"])
_TAILS = {
    "plain": [""],
    "dovecot": ["", ":", ":::::", "::::::", "::::::nodelay", "::::::userdb_mail=x", "::::::nologin", ":::::::secret"],
    "shadow": [
        ":1::::::",
        ":19000:0:99999:7:::",
        ":19000:0:9999:7:::",
        ":0:0:99999:7:::",
        ":19000:0:99999:7::1:",
        ":19000:0:x:7:::",
        ":19000:0:99999",
        "::::::::",
    ],
}


@functools.cache
def _stored_passwords() -> list[str]:
    return [store(b"open sesame").decode() for _, store in SCHEMES + ORACLES]


def _stored(*others: str) -> st.SearchStrategy[str]:
    """Return a deferred strategy: it starts many programs, and each process of the test run imports this file."""
    return st.deferred(lambda: st.sampled_from([*_stored_passwords(), *others]))


_USUAL = st.sampled_from([_SHA, _SHA, f"!{_SHA}", f"x{_SHA}", f"{_SHA}=", "{SHA}" + "a" * 27 + "="])


def _lines(names: st.SearchStrategy[str], stored: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    entries = st.tuples(names, stored).map(":".join)
    return st.lists(entries, max_size=12).map("\n".join)


files = st.one_of(
    _stored(*_COSTLY).flatmap(lambda stored: _lines(_USUAL_NAMES, st.just(stored))),
    _lines(_USUAL_NAMES, _stored()),
    *[_lines(_USUAL_NAMES.map(f"{{}}@{domain}".format), _USUAL) for domain in ("b.example", "B.example", "c.example")],
    _lines(_NAMES, _USUAL),
    _lines(st.one_of(_NAMES, _USUAL_NAMES), _stored(*_SPECIAL)),
)


def read(text: str, form: str, domain: str | None, default_scheme: str) -> tuple[object, ...]:
    """Read a file: all that the reader knows afterwards."""
    problems: list[str] = []
    log = logging.Logger("files")
    handler = logging.Handler()
    handler.emit = lambda record: problems.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    reader = PasswordFileReader(form, default_scheme, AccountParser("default.example"), log)
    reader.read(Path("passwd"), text.encode(), domain)
    counts = {key: count.count for key, count in reader._counts.items() if count.count}
    return reader.packed, reader.others, reader.bare_names, len(reader), counts, problems


@given(
    data=st.data(),
    texts=st.lists(st.one_of(files, files, _NO_ENTRIES), max_size=4),
    form=st.sampled_from(["plain", "plain", "dovecot", "shadow"]),
    domain=st.sampled_from([None, "b.example"]),
    default_scheme=st.sampled_from(["", "CRYPT", "PLAIN"]),
    end=st.sampled_from(["", "\n", "\r\n", "\r\r\n", "\n\n"]),
)
@examples(500)
def test_a_batch_gives_the_same_result_as_single_lines(
    data: st.DataObject, texts: list[str], form: str, domain: str | None, default_scheme: str, end: str
) -> None:
    text = "\n".join(texts) + end
    rest = data.draw(st.sampled_from(_TAILS[form]))
    if form != "plain":
        text = "\n".join(line + data.draw(st.sampled_from([rest, rest, *_TAILS[form]])) for line in text.split("\n"))
    with patch.object(PasswordFileReader, "_add_batch", lambda *_: itertools.repeat(True)):
        one_by_one = read(text, form, domain, default_scheme)
    with patch("extauth.backends.files.reader._BATCH_SIZE", 100):
        in_small_batches = read(text, form, domain, default_scheme)
    assert read(text, form, domain, default_scheme) == in_small_batches == one_by_one


_FORMS = [
    _SHA,
    "$1$abcdefgh$" + "a" * 22,
    "$2y$05$" + "a" * 21 + "." + "a" * 31,
    "{MD5-CRYPT}$1$abcdefgh$" + "a" * 22,
    "{CRYPT}$6$abcdefgh$" + "a" * 86,
    "{PLAIN}$6$abcdefgh$" + "a" * 86,
]
_REST_OF_LINE = {
    "plain": [""],
    "dovecot": ["", "::::::", ":1000:1000::/home/x::userdb_quota_rule=*:storage=1G nodelay"],
    "shadow": [":19000:0:99999:7:::"],
}


@pytest.mark.parametrize("rest", [(form, text) for form, texts in _REST_OF_LINE.items() for text in texts])
@pytest.mark.parametrize("forms", [*([form] for form in _FORMS), _FORMS])
def test_usual_lines_are_read_in_batches(
    forms: list[str], rest: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(PasswordFileReader, "_add_line")
    text = "".join(f"user{number}:{forms[number % len(forms)]}{rest[1]}\n" for number in range(5_000))
    _, _, _, number_of_accounts, *_ = read(f"# accounts\n{text}", rest[0], "b.example", "")
    assert number_of_accounts == 5_000


def test_the_first_of_equally_frequent_schemes_is_typical() -> None:
    reader = PasswordFileReader("plain", "", AccountParser(), logging.getLogger("files"))
    reader.read(
        Path("passwd"),
        "".join(
            f"user{n}:{stored}\n" for n, stored in enumerate([_FORMS[5], _FORMS[4], _FORMS[2], _FORMS[0]])
        ).encode(),
    )
    typical = reader.typical_hash()
    assert typical is not None
    assert typical.scheme == "PLAIN"


def test_an_unknown_prefix_is_not_a_form() -> None:
    assert group_keys([b"{" + b"x" * 40 + b"}$6$abcdefgh$" + b"a" * 86] * 2) == [None, None]


def test_only_the_first_20_bad_lines_are_reported(site: Site) -> None:
    site.write("passwd", b"bad\n" * 1000 + b"alice@example.com:{PLAIN}pw9\n")
    site.configure()
    helper = site.serve()
    assert helper.ask(b"1 VRFY alice@example.com pw9") == b"OK"
    assert "980 more lines" in helper.wait_for_information("more lines")
    assert sum("has no colon" in line for line in helper.information) == 20
