"""The requests of a load test."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from pathlib import Path

from tests.harness.load.load_runs import PASSWORDS, load
from tests.harness.programs import program


def test_the_options_determine_the_requests(accounts: Path, tmp_path: Path) -> None:
    options = ["--mix", "vrfy=2,cram-md5,apop", "--wrong", "25", "--mode", "POP", "--seed", "7", "--interface", "3"]
    records = []
    for _ in range(2):
        load(
            accounts, program("records_requests.pl"), *options, "--requests", "1999", "--base-directory", str(tmp_path)
        )
        records.append((tmp_path / "record").read_text().splitlines())
    assert records[0] == records[1], "the same seed sends the same requests"
    assert records[0][0] == "000000 INTF 3"
    numbers, commands, right, accounts_used = [], Counter[str](), Counter[bool](), Counter[str]()
    for line in records[0][1:]:
        number, command, mode, address, proof = line.split(" ", 4)
        assert mode == "(POP)"
        numbers.append(number)
        commands[command] += 1
        accounts_used[address] += 1
        right[_is_right(command, PASSWORDS[address], proof)] += 1
    assert numbers == [f"{number:06}" for number in range(1, 2001)]
    assert 800 < commands["VRFY"] < 1200
    assert 350 < commands["SASL(CRAM-MD5)"] < 650
    assert 350 < commands["SASL(APOP)"] < 650
    assert 400 < right[False] < 600
    assert (
        accounts_used["user0@example.com"]
        > 1.5 * accounts_used["user1@example.com"]
        > 2 * accounts_used["user9@example.com"]
    )


def _is_right(command: str, password: str, proof: str) -> bool:
    if command == "VRFY":
        return proof == password
    response, challenge = proof.split(" ", 1)
    if command == "SASL(APOP)":
        return response == hashlib.md5((challenge + password).encode()).hexdigest()  # noqa: S324  # RFC 1939
    return response == hmac.new(password.encode(), challenge.encode(), "md5").hexdigest()


def test_a_uniform_distribution_uses_all_accounts_equally(accounts: Path, tmp_path: Path) -> None:
    options = ["--distribution", "uniform", "--requests", "2000", "--base-directory", str(tmp_path)]
    load(accounts, program("records_requests.pl"), *options)
    accounts_used = Counter(line.split(" ")[2] for line in (tmp_path / "record").read_text().splitlines())
    assert set(accounts_used) == set(PASSWORDS)
    assert max(accounts_used.values()) < 2 * min(accounts_used.values())
