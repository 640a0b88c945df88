"""A helper that says its version, and does to each account what its name says. `made` accounts it creates by CLI.

The argument is a file that holds the port of PWD. The right password is `right`.
"""

import re
import socket
import sys
from pathlib import Path


def create(address: str) -> None:
    """Create an account, as a client of the CLI."""
    port = int(Path(sys.argv[1]).read_text())
    with socket.create_connection(("127.0.0.1", port), 20) as pwd, pwd.makefile("rw") as lines:
        lines.readline()
        for line in ("USER postmaster", "PASS battery staple", f'CREATEACCOUNT "{address}"', "QUIT"):
            lines.write(f"{line}\r\n")
            lines.flush()
            lines.readline()


REPLIES = {"unknown": "ERROR unknown account", "later": "FAILURE temporary failure", "made": "OK", "lost": "OK"}

for request in sys.stdin:
    number, command, *words = request.split()
    if command == "INTF":
        reply = "INTF 7"
    elif command == "NEW":
        kind = re.split("[-@]", words[1])[0]
        if kind == "made":
            create(words[1])
        reply = REPLIES[kind]
    else:
        reply = {"right": "OK", "later": "ERROR temporary failure"}.get(words[2], "ERROR incorrect password")
    print(number, reply, flush=True)
