"""What must not be repeated is remembered in bounded memory."""

from __future__ import annotations

from extauth.harness.known_secrets import KnownSecrets


def test_of_what_goes_by_the_latest_are_remembered_and_what_is_kept_stays() -> None:
    secrets = KnownSecrets()
    secrets.keep(b"kept!")
    for number in range(100_002):
        secrets.learn(b"%d!" % number)
        if number == 50_000:
            secrets.learn(b"0!")
    assert secrets.stand_in(b"0!"), "it came once more"
    assert not secrets.stand_in(b"1!")
    assert not secrets.stand_in(b"2!")
    assert secrets.stand_in(b"3!")
    assert secrets.stand_in(b"100001!")
    assert secrets.stand_in(b"kept!")


def test_of_a_long_secret_the_beginning_gives_it_away() -> None:
    secrets = KnownSecrets()
    secrets.learn(b"tiger" * 2_000)
    assert secrets.stand_in(b"not " + b"tiger" * 800)
    assert not secrets.stand_in(b"tiger" * 50)


def test_a_text_that_held_none_is_compared_with_what_came_since() -> None:
    secrets = KnownSecrets()
    secrets.learn(b"lion")
    assert not secrets.stand_in(b"a tiger and a bear")
    secrets.learn(b"tiger")
    assert secrets.stand_in(b"a tiger and a bear")
    assert not secrets.stand_in(b"a bear")
    secrets.keep(b"bear")
    assert secrets.stand_in(b"a bear")
