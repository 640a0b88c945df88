"""Accounts in canonical form, one by one and many together."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from extauth.errors import MalformedRequest
from extauth.model import Account
from extauth.protocol.accounts import AccountParser, canonical_domain
from tests.examples import examples

domains = st.one_of(
    st.text(max_size=20),
    st.lists(st.text(max_size=5), min_size=1).map(".".join),
    st.from_regex(r"(xn--)?[a-z0-9-]{1,10}(\.(XN--)?[A-Za-z0-9\u00e0-\u00ff-]{1,10})?", fullmatch=True),
)


@given(domain=domains)
def test_a_canonical_domain_is_its_own_canonical_form(domain: str) -> None:
    canonical = canonical_domain(domain)
    if canonical is not None:
        assert canonical_domain(canonical) == canonical
        assert canonical_domain(canonical.upper() + ".") == canonical


@given(name=st.text(), domain=domains, lower=st.booleans())
def test_a_canonical_account_is_its_own_canonical_form(name: str, domain: str, lower: bool) -> None:
    accounts = AccountParser(lower_names=lower)
    try:
        account = accounts.parse(f"{name}@{domain}")
    except MalformedRequest:
        return
    if account is not None:
        assert accounts.parse(account.address) == account
        assert "\n" not in account.address


_WORDS = st.sampled_from(
    ["a", "B", "@", "@x.example", "@X.example", "@y.example", "bob@x.example", "é", "\x07", "\x7f", "\x85", "."]
)


@given(
    addresses=st.lists(st.lists(_WORDS, max_size=3).map(lambda words: "".join(words).encode()), max_size=4),
    add_invalid_utf8=st.booleans(),
    default=st.sampled_from([None, "x.example"]),
    lower=st.booleans(),
)
@example(addresses=[b"bob@x.example carol@x.example"], add_invalid_utf8=False, default=None, lower=True)
@examples(1_000)
def test_parse_many_agrees_with_parse(
    addresses: list[bytes], add_invalid_utf8: bool, default: str | None, lower: bool
) -> None:
    if add_invalid_utf8:
        addresses.append(b"\xff@x.example")
    accounts = AccountParser(default, lower_names=lower)
    expected: list[Account | None] = []
    for address in addresses:
        try:
            expected.append(accounts.parse(address.decode()))
        except (UnicodeDecodeError, MalformedRequest):
            expected.append(None)
    assert list(AccountParser(default, lower_names=lower).parse_many(addresses)) == expected
    assert list(accounts.parse_many(addresses)) == expected
