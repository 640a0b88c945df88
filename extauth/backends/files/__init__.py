"""Password files.

backend      the backend, its settings, the file of each domain
domain_path  the path of the file of each domain
formats      the formats plain, dovecot and shadow
reader       reads the lines of a file
table        finds the entry of an account
full_names   the full names of accounts, for `[provision]`
edit         changes a file (`extauth passwd`)
"""

from extauth.backends.files.backend import Files

__all__ = ["Files"]
