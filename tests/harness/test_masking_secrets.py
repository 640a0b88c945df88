"""Secrets that no text may repeat, in bounded memory."""

from __future__ import annotations

from extauth.harness.masking import RememberedSecrets


def test_the_latest_and_the_permanent_secrets_are_remembered() -> None:
    secrets = RememberedSecrets()
    secrets.add_permanent(b"permanent!")
    for number in range(100_002):
        secrets.add(b"%d!" % number)
        if number == 50_000:
            secrets.add(b"0!")
    assert secrets.found_in(b"0!"), "it was added again"
    assert not secrets.found_in(b"1!")
    assert not secrets.found_in(b"2!")
    assert secrets.found_in(b"3!")
    assert secrets.found_in(b"100001!")
    assert secrets.found_in(b"permanent!")


def test_the_start_of_a_long_secret_is_found() -> None:
    secrets = RememberedSecrets()
    secrets.add(b"tiger" * 2_000)
    assert secrets.found_in(b"not " + b"tiger" * 800)
    assert not secrets.found_in(b"tiger" * 50)


def test_a_text_is_compared_with_secrets_added_later() -> None:
    secrets = RememberedSecrets()
    secrets.add(b"lion")
    assert not secrets.found_in(b"a tiger and a bear")
    secrets.add(b"tiger")
    assert secrets.found_in(b"a tiger and a bear")
    assert not secrets.found_in(b"a bear")
    secrets.add_permanent(b"bear")
    assert secrets.found_in(b"a bear")
