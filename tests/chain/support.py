"""What the tests of plugins share."""

from __future__ import annotations

from tests.helper import Site

TEMPORARY = b"ERROR temporary failure"
NEGATIVE = b"ERROR incorrect password"

PLUGIN = """\
from extauth import Account, Backend, Secret, Settings, Verdict

class Own(Backend[Settings]):
    def verify_password(self, account: Account, password: Secret) -> Verdict:
        return Verdict.OK
"""

ASYNC_PLUGIN = PLUGIN.replace("    def ", "    async def ")


def configure(site: Site, type_name: str = "own.py:Own", settings: str = "") -> None:
    """Configure one backend of this type, with these settings."""
    site.configure(f'[[backend]]\ntype = "{type_name}"\n{settings}\n')


def configure_one_worker(site: Site) -> None:
    """Configure the plugin own.py and a single worker."""
    configure(site, settings="[helper]\nworkers = 1")
