"""PAM: the operating system's passwords, and whatever else its modules know.

backend        the backend: whom it asks PAM about, and what it makes of the answer
service        the service: where PAM finds its file
stack          the lines of it, and of what it includes
user_name      the template that makes an OS user name of an account
transaction    one question to libpam, through python-pam
handle         libpam's own end of it
conversation   what a module asks meanwhile, and is told
outcome        PAM's codes to verdicts
"""

from extauth.backends.pam.backend import Pam

__all__ = ["Pam"]
