"""The data format of the mail server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.data_format import MAX_DEPTH, MAX_SIZE, MalformedData, Value, read, read_arguments, write

strings = st.text() | st.binary().map(lambda text: text.decode(errors="surrogateescape"))
values: st.SearchStrategy[Value] = st.recursive(
    st.none() | strings | st.binary() | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=20,
)


@given(value=values)
def test_written_data_is_read_unchanged(value: Value) -> None:
    text = write(value)
    assert read(text) == value
    assert read_arguments(text + b" " + text) == [value, value]
    assert not set(text) & set(b"\r\n\0")


@given(text=st.text('ab1"\\(){}[]=;,# ').map(str.encode) | st.binary())
def test_any_text_is_read_or_refused(text: bytes) -> None:
    try:
        value = read(text)
    except MalformedData:
        return
    assert read(write(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"word", "word"),
        (b" a-b_c.d@e!f%g]h:i ", "a-b_c.d@e!f%g]h:i"),
        ("jürgen".encode(), "jürgen"),
        (b'""', ""),
        (rb'"\"\\\r\n\t\e\065"', '"\\\r\n\t\nA'),
        (b'"one" \r\n "two"', "onetwo"),
        (b"[Zm9v\r\n YmFy]", b"foobar"),
        (b"[]", b""),
        (b"#-12", -12),
        (b"#NULL#", None),
        (b"#T22-10-2009_15:24:45", "#T22-10-2009_15:24:45"),
        (b"()", []),
        (b'(a, ("b"),{})', ["a", ["b"], {}]),
        (b"{ pbx = macnt; user1 = macnt; }", {"pbx": "macnt", "user1": "macnt"}),
        (b'{a=1;"b c"=#2;a=3;}', {"a": "3", "b c": 2}),
    ],
)
def test_each_form_of_a_value_is_read(text: bytes, value: Value) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a_1", b'"a_1"'),
        ("a-1", b'"a-1"'),
        ("", b'""'),
        ("#NULL#", b'"#NULL#"'),
        ("a\r\n\t\0", rb'"a\r\n\t\000"'),
        (["a", None], b"(a, #NULL#)"),
        ({}, b"{}"),
        ({"a": b"foo", "b": 1}, b"{ a = [Zm9v]; b = #1; }"),
    ],
)
def test_values_are_written_as_the_mail_server_does(value: Value, text: bytes) -> None:
    assert write(value) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "the end, but a value is missing, at byte 0"),
        (b"a b", "something after the value, at byte 2"),
        (b"$secret", "an unexpected character, at byte 0"),
        (b'{a="secret;', "a broken quoted string, at byte 3"),
        (rb'"\x"', "a broken quoted string, at byte 0"),
        (b"(a b)", r"a comma or \) is missing, at byte 3"),
        (b"{a}", "= is missing after a key, at byte 2"),
        (b"{a=b}", "; is missing after a value, at byte 4"),
        (b"[Zm9]", r"a data block that is not \[base64\], at byte 0"),
        (b"#9223372036854775808", "a number of more than 64 bits"),
        (b"(" * 100_000, f"more than {MAX_DEPTH} arrays and dictionaries inside each other"),
        (b" " * (MAX_SIZE + 1), "longer than 1,048,576 bytes"),
    ],
)
def test_an_error_names_the_place_but_no_text(text: bytes, error: str) -> None:
    with pytest.raises(MalformedData, match=error) as raised:
        read(text)
    assert "secret" not in str(raised.value)


def test_strings_side_by_side_are_two_arguments() -> None:
    assert read_arguments(b'"alice" "b" {c=("d" "e");}') == ["alice", "b", {"c": ["de"]}]
    assert read_arguments(b"  ") == []


@pytest.mark.parametrize("value", [True, 2**63, 1.5])
def test_values_without_a_form_are_not_written(value: Any) -> None:
    with pytest.raises(ValueError, match=r"booleans|64 bits|no float"):
        write(value)
