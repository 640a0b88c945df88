"""Files that decide about logins: only root or our own user may have written them. Also notice their changes.

files         reads a file that is safe, and notices changes
writers       who else can write a file, or a folder or link on the way to it: by owner, mode or ACL
permissions   why a file cannot be opened; users and groups as ls shows them
output_files  opens the log file where no other user can turn it into another file; replaces files
"""

from extauth.trust.files import MAX_FILE, Signature, TrustedFile, check_trusted, read_trusted, signature
from extauth.trust.output_files import check_log_file, open_log_file, replace_file
from extauth.trust.permissions import reason_of
from extauth.trust.writers import check_way, other_writer

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
