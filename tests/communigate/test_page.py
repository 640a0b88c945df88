"""docs/provisioning.md: its commands print what it shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.backends.ldap.slapd import free_port
from tests.harness.mail.server import MailServer
from tests.helper import EXTAUTH, Site
from tests.pages import Terminal, blocks
from tests.paths import ROOT

_HEADING = "Try it with the harness"


def test_the_page_works_as_it_is_shown(site: Site) -> None:
    found = [block for block in blocks((ROOT / "docs" / "provisioning.md").read_text()) if block.heading == _HEADING]
    accounts, passwd, configuration, before, program, after = found
    pwd, pop3 = free_port(), free_port()
    places = {"1106": str(pwd), "1110": str(pop3), "/opt/extauth/bin/python": sys.executable}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = Terminal(places, site.folder, os.environ | {"PATH": path})
    site.write("passwd", passwd.text, 0o644)
    site.write("rights.py", shell.here(program.text))
    site.configure(shell.here(configuration.text))
    assert shell.differences(before, "") == []
    ports = ("--pwd", str(pwd), "--pop3", str(pop3))
    with MailServer(
        site.folder, accounts.text, [*EXTAUTH, "serve", "-c", str(site.config)], "--interface", "7", *ports
    ):
        assert shell.differences(after, "") == []
