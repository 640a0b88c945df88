"""Lines of a password file that are read together: they say what they say one by one."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.backends.files.reading import Reader
from extauth.passwords import group_keys
from extauth.protocol.accounts import AccountParser
from tests.examples import examples
from tests.passwords.stored_passwords import ORACLES, SCHEMES

_SHA = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
_STORED = [store(b"open sesame").decode() for _, store in SCHEMES + ORACLES]
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
_SAYS_NOTHING = st.sampled_from(["", "#", "# a: comment", "\r"])


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


def _lines(names: st.SearchStrategy[str], stored: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    entries = st.tuples(names, stored).map(":".join)
    return st.lists(entries, max_size=12).map("\n".join)


_USUAL = st.sampled_from([_SHA, _SHA, f"!{_SHA}", f"x{_SHA}", f"{_SHA}=", "{SHA}" + "a" * 27 + "="])

files = st.one_of(
    st.sampled_from(_STORED + _COSTLY).flatmap(lambda stored: _lines(_USUAL_NAMES, st.just(stored))),
    _lines(_USUAL_NAMES, st.sampled_from(_STORED)),
    *[_lines(_USUAL_NAMES.map(f"{{}}@{domain}".format), _USUAL) for domain in ("b.example", "B.example", "c.example")],
    _lines(_NAMES, _USUAL),
    _lines(st.one_of(_NAMES, _USUAL_NAMES), st.sampled_from(_STORED + _SPECIAL)),
)


def read(text: str, form: str, domain: str | None, default_scheme: str) -> tuple[object, ...]:
    """All that is known of a file afterwards."""
    problems: list[str] = []
    log = logging.Logger("files")
    handler = logging.Handler()
    handler.emit = lambda record: problems.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    reader = Reader(form, default_scheme, AccountParser("default.example"), log)
    reader.read(Path("passwd"), text.encode(), domain)
    kinds = {(kind.example.scheme, kind.example.cost): kind.count for kind in reader._kinds.values() if kind.count}
    return reader.stored, reader.others, reader.bare_names, len(reader), kinds, problems


@given(
    data=st.data(),
    texts=st.lists(st.one_of(files, files, _SAYS_NOTHING), max_size=4),
    form=st.sampled_from(["plain", "plain", "dovecot", "shadow"]),
    domain=st.sampled_from([None, "b.example"]),
    default_scheme=st.sampled_from(["", "CRYPT", "PLAIN"]),
    end=st.sampled_from(["", "\n", "\r\n", "\r\r\n", "\n\n"]),
)
@examples(1_000)
def test_what_is_read_together_is_what_is_read_line_by_line(
    data: st.DataObject, texts: list[str], form: str, domain: str | None, default_scheme: str, end: str
) -> None:
    text = "\n".join(texts) + end
    behind = data.draw(st.sampled_from(_TAILS[form]))
    if form != "plain":
        text = "\n".join(
            line + data.draw(st.sampled_from([behind, behind, *_TAILS[form]])) for line in text.split("\n")
        )
    with patch.object(Reader, "_add_usual", lambda *_: itertools.repeat(True)):
        one_by_one = read(text, form, domain, default_scheme)
    with patch("extauth.backends.files.reading._AT_ONCE", 100):
        in_parts = read(text, form, domain, default_scheme)
    assert read(text, form, domain, default_scheme) == in_parts == one_by_one


_FORMS = [
    _SHA,
    "$1$abcdefgh$" + "a" * 22,
    "$2y$05$" + "a" * 21 + "." + "a" * 31,
    "{MD5-CRYPT}$1$abcdefgh$" + "a" * 22,
    "{CRYPT}$6$abcdefgh$" + "a" * 86,
    "{PLAIN}$6$abcdefgh$" + "a" * 86,
]
_BEHIND = {
    "plain": [""],
    "dovecot": ["", "::::::", ":1000:1000::/home/x::userdb_quota_rule=*:storage=1G nodelay"],
    "shadow": [":19000:0:99999:7:::"],
}


@pytest.mark.parametrize("behind", [(form, text) for form, texts in _BEHIND.items() for text in texts])
@pytest.mark.parametrize("forms", [*([form] for form in _FORMS), _FORMS])
def test_usual_lines_are_read_together(
    forms: list[str], behind: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Reader, "_add")
    text = "".join(f"user{number}:{forms[number % len(forms)]}{behind[1]}\n" for number in range(5_000))
    _, _, _, number_of_accounts, *_ = read(f"# accounts\n{text}", behind[0], "b.example", "")
    assert number_of_accounts == 5_000


def test_where_two_kinds_are_as_frequent_the_first_one_is_typical() -> None:
    reader = Reader("plain", "", AccountParser(), logging.getLogger("files"))
    reader.read(
        Path("passwd"),
        "".join(
            f"user{n}:{stored}\n" for n, stored in enumerate([_FORMS[5], _FORMS[4], _FORMS[2], _FORMS[0]])
        ).encode(),
    )
    typical = reader.typical()
    assert typical is not None
    assert typical.scheme == "PLAIN"


def test_a_prefix_that_is_none_is_not_taken_for_a_form() -> None:
    assert group_keys([b"{" + b"x" * 40 + b"}$6$abcdefgh$" + b"a" * 86] * 2) == [None, None]
