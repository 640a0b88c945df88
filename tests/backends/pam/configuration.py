"""Configurations of the PAM tests, and the replies that they expect."""

from __future__ import annotations

import time

from tests.helper import Site

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"
LOG = '[log]\nmail_server_level = "Low Level"\n'
TODAY = int(time.time() // 86_400)
SHADOW = {  # user: the entry in /etc/shadow after the name
    "right": "{hash}:19000:0:99999:7:::",
    "null": ":19000:0:99999:7:::",
    "locked": "!{hash}:19000:0:99999:7:::",
    "star": "*:19000:0:99999:7:::",
    "expired": f"{{hash}}:19000:0:99999:7::{TODAY - 2}:",
    "mustchange": "{hash}:0:0:99999:7:::",
    "nullmustchange": ":0:0:99999:7:::",
    "tooold": f"{{hash}}:{TODAY - 60}:0:30:7:::",
    "inactive": f"{{hash}}:{TODAY - 60}:0:30:7:5::",
}
UNIX = {  # user: the verdict for the right password
    "right": "OK",
    "null": "PASSWORD_MISMATCH",
    "locked": "PASSWORD_MISMATCH",
    "star": "PASSWORD_MISMATCH",
    "expired": "USER_DISABLED",
    "mustchange": "PASSWORD_EXPIRED",
    "nullmustchange": "PASSWORD_EXPIRED",
    "tooold": "PASSWORD_EXPIRED",
    "inactive": "PASSWORD_EXPIRED",
    "stranger": "USER_UNKNOWN",
    "system": "USER_DISABLED",
}


def backend(**settings: object) -> str:
    """A `[[backend]]` section. Its service files are in the folder `pam.d`."""
    lines = {"type": "pam", "service": "extauth", "service_folder": "pam.d"} | settings
    return "[[backend]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in lines.items())


def _toml(value: object) -> str:
    return repr(value).replace("'", '"')


def check(site: Site) -> str:
    """Run `extauth check`: its output."""
    done = site.run("check", "-c", str(site.config))
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.decode()
