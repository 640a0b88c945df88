"""The command line: `extauth COMMAND`."""

from __future__ import annotations

import gc
import sys
from pathlib import Path


def main() -> None:
    """Do what the command line says."""
    if len(sys.argv) == 4 and sys.argv[1:3] == ["serve", "-c"]:  # the mail server's own, and there is nothing to parse
        gc.disable()  # until all is loaded: nothing of it is garbage
        from extauth.cli.serve_file import serve_file

        serve_file(Path(sys.argv[3]))
    else:
        from extauth.cli.commands import commands  # here: the parser takes a sixth of the time to the first answer

        commands()
