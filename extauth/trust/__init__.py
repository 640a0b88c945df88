"""Files that decide about logins: only root or our own user may have written them. Also notice their changes.

files     reads a file that is safe, and notices changes
writers   who else can write a file or folder: its owner, its mode, its ACL
way       every folder and link on the way to a file
names     users and groups as ls shows them
denied    why a file cannot be opened
log_file  opens the log file where nobody else can turn it into another file
replace_file  writes a file that other programs read
"""

from extauth.trust.denied import reason_of
from extauth.trust.files import MAX_FILE, Signature, TrustedFile, check_trusted, read_trusted, signature
from extauth.trust.log_file import check_log_file, open_log_file
from extauth.trust.replace_file import replace_file
from extauth.trust.way import check_way
from extauth.trust.writers import other_writer

__all__ = [
    "MAX_FILE",
    "Signature",
    "TrustedFile",
    "check_log_file",
    "check_trusted",
    "check_way",
    "open_log_file",
    "other_writer",
    "read_trusted",
    "reason_of",
    "replace_file",
    "signature",
]
