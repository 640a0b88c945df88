"""The client library CGPCLI of PyPI, unchanged."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.harness.mail.server import MailServer
from tests.helper import PATIENCE

# A program of its own: with any code but 515 the library sends a wrong password again and again.
_PROGRAM = """
import json, sys
from CGPCLI.Commands import Server
from CGPCLI.Errors import CommandFailedError, FailedLogin

server = Server("127.0.0.1", int(sys.argv[1]))
server.connect()
results = []
for name in ("postmaster", "nobody"):
    try:
        server.login(name, "wrong")
    except FailedLogin as error:
        results.append(str(error))
server.login("postmaster", "secret of postmaster")


def run(method, *arguments, **options):
    try:
        results.append(getattr(server, method)(*arguments, **options)["body"])
    except CommandFailedError as error:
        results.append(str(error))


run("main_domain_name")
run("list_domains")
run("create_account", "lib@second.org", settings={"UseAppPassword": "YES", "RealName": "L B"})
run("create_account", "lib@second.org")
run("set_account_password", "lib@second.org", "fresh1")
run("verify_account_password", "lib@second.org", "fresh1")
run("verify_account_password", "lib@second.org", "other")
run("update_account_settings", "lib@second.org", {"RequireAPOP": "YES"})
run("get_account_settings", "lib@second.org")
run("set_account_aliases", "lib@second.org", ["l.b", "lb"])
run("get_account_aliases", "lib@second.org")
run("set_account_rights", "lib@second.org", ["Domain", "BasicSettings"])
run("get_account_rights", "lib@second.org")
run("rename_account", "lib@second.org", "lib2@second.org")
run("delete_account", "lib2@second.org")
run("list_accounts", "second.org")
run("list_accounts", "third.org")
run("write_log", "4", "hello")
run("noop")
server.disconnect()
print(json.dumps(results))
"""


def test_the_library_cgpcli_works_unchanged(cli_server: MailServer) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(cli_server.port("pwd"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "Wrong username or password",
        "Wrong username or password",
        "mymac.ru",
        ["mymac.ru", "second.org"],
        "OK",
        "{'header': '520', 'body': 'account name already exists'}",
        "OK",
        "OK",
        "{'header': '515', 'body': 'incorrect password'}",
        "OK",
        {"UseAppPassword": "YES", "RealName": "L B", "RequireAPOP": "YES"},
        "OK",
        ["l.b", "lb"],
        "OK",
        ["Domain", "BasicSettings"],
        "OK",
        "OK",
        {"postmaster": "macnt", "master": "macnt", "bob": "macnt"},
        "{'header': '512', 'body': 'unknown secondary domain name'}",
        "OK",
        "OK",
    ]
