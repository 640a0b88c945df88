"""The version of this release, and how to add a package to it."""

import sys

VERSION = "0.1.0"


def pip_install(package: str) -> str:
    """Return the command that installs a package for this program, which may have a virtual environment."""
    return f"{sys.prefix}/bin/pip install {package}"
