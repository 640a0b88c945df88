"""The mail server that most test files of this folder use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.mail.server import MailServer
from tests.harness.mail.site import mail_site


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server with accounts of every kind (see site.py)."""
    with mail_site(tmp_path_factory.mktemp("server")) as mail_server:
        yield mail_server
