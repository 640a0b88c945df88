"""The PAM backend as the user nobody, who cannot read /etc/shadow."""

from __future__ import annotations

import os

import extauth.libpam  # noqa: F401  # the user nobody may not be able to read the module later
from extauth.backends.pam import Pam

_NOBODY = 65534


class PamAsNobody(Pam):
    """Becomes nobody before it loads."""

    def load(self) -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        super().load()
