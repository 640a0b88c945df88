"""What the tests of changing password files share."""

from __future__ import annotations

from tests.helper import Helper, Site

NEGATIVE = b"ERROR incorrect password"


TEMPORARY = b"ERROR temporary failure"


OLD = b"1 VRFY alice@example.com old"


NEW = b"1 VRFY alice@example.com new"


BOB = b"1 VRFY bob@example.com password"


def passwords(alice: str) -> str:
    """Return a password file with this password of alice. bob's stays the same."""
    return f"alice@example.com:{{PLAIN}}{alice}\nbob@example.com:{{PLAIN}}password\n"


def serve_old_password_in_folders(
    site: Site, count: int, name: str = "passwd", configuration: str = Site.BASIC
) -> list[tuple[Site, Helper]]:
    """Start several helpers, each in its own folder, so that they reload at the same time."""
    served = []
    for number in range(count):
        one = Site(site.folder / str(number))
        one.folder.mkdir()
        one.write(name, passwords("old"))
        one.configure(configuration)
        served.append((one, one.serve()))
    site.helpers += [helper for _, helper in served]
    return served
