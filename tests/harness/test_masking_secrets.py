"""Secrets that no text may repeat, in bounded memory."""

from __future__ import annotations

from extauth.harness.remembered_secrets import RememberedSecrets


def test_the_latest_and_the_permanent_secrets_are_remembered() -> None:
    secrets = RememberedSecrets()
    secrets.add_permanent(b"permanent!")
    for number in range(100_002):
        secrets.add(b"secret%d!" % number)
        if number == 50_000:
            secrets.add(b"secret0!")
    assert secrets.mask(b"secret0!") == b"***", "it was added again"
    assert secrets.mask(b"secret1! secret2!") == b"secret1! secret2!"
    assert secrets.mask(b"secret3! secret100001! permanent!") == b"*** *** ***"


def test_text_after_the_start_of_a_secret_is_hidden() -> None:
    secrets = RememberedSecrets()
    secrets.add(b"tiger" * 2_000)
    assert secrets.mask(b"not " + b"tiger" * 800 + b" lion") == b"not ***"
    assert secrets.mask(b"tiger" * 50) == b"tiger" * 50


def test_a_text_is_compared_with_secrets_added_later() -> None:
    secrets = RememberedSecrets()
    secrets.add(b"lion")
    assert secrets.mask(b"a tiger and a bear") == b"a tiger and a bear"
    secrets.add(b"tiger")
    assert secrets.mask(b"a tiger and a bear") == b"a *** and a bear"
    secrets.add_permanent(b"bear")
    assert secrets.mask(b"a tiger and a bear") == b"a *** and a ***"


def test_secrets_that_overlap_leave_no_part() -> None:
    secrets = RememberedSecrets()
    for secret in (b"correct horse", b"horse battery", b"battery staple x", b"staple"):
        secrets.add(secret)
    assert secrets.mask(b"it is correct horse battery staple x!") == b"it is ***!"
