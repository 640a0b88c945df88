"""PAM: the passwords of the operating system, and of every PAM module.

backend          the backend, its settings, the OS user of an account, return codes to verdicts
service_files    the service file and the files that it includes

The binding to libpam is extauth.libpam.
"""

from extauth.backends.pam.backend import Pam

__all__ = ["Pam"]
