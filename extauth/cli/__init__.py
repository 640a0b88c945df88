"""The command line: `extauth COMMAND`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Run the command of the command line."""
    if sys.argv[1:2] == ["serve"]:
        signal.signal(signal.SIGHUP, lambda *_: None)  # until the frontend handles it: the configuration is read later
    sys.dont_write_bytecode = True  # before more is imported: see extauth.workers.process_setup
    if sys.argv[1:2] != ["harness"]:  # its reports, and the programs that it starts, get the caller's umask
        os.umask(0o077)
    if len(sys.argv) == 4 and sys.argv[1:3] == ["serve", "-c"]:  # the mail server's command line needs no parser
        gc.disable()  # until everything is loaded: there is no garbage
        from extauth.cli.serve import serve

        serve(Path(sys.argv[3]))
    else:
        from extauth.cli.commands import commands  # here: the parser takes a sixth of the time to the first reply

        commands()
