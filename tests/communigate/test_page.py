"""docs/provisioning.md: its commands print what it shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.harness.mail.server import MailServer
from tests.helper import Site
from tests.pages import Terminal, blocks
from tests.paths import ROOT

_HEADING = "Try it with the harness"


def test_the_page_works_as_it_is_shown(site: Site, tmp_path: Path) -> None:
    found = [block for block in blocks((ROOT / "docs" / "provisioning.md").read_text()) if block.heading == _HEADING]
    accounts, passwd, configuration, program, commands = found
    with MailServer(site.folder, accounts.text, ["cat"]) as server:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        places = {"1106": str(server.port("pwd")), "/opt/extauth/bin/python": sys.executable}
        shell = Terminal(places, site.folder, os.environ | {"PATH": path})
        site.write("passwd", passwd.text, 0o644)
        site.write("rights.py", shell.here(program.text))
        site.configure(shell.here(configuration.text))
        assert shell.differences(commands, "") == []
