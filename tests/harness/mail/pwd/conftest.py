"""A mail server with two domains, and clients that administer it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.mail.pwd.admin import ACCOUNTS
from tests.harness.mail.server import MailServer


@pytest.fixture(scope="module")
def cli_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server whose accounts have only own passwords."""
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, ["cat"]) as server:
        yield server
