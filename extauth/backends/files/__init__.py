"""Password files.

backend   the backend: which files serve which domains, what an account's entry says
reading   a file's lines to what they say of accounts
table     what is found for an account
few, many   where it is found, be there a few accounts or very many
entry     what stands for one account
plain, dovecot, shadow   the formats: a line to an account and its entry
edit      a line added, changed or taken out (`extauth passwd`)
"""

from extauth.backends.files.backend import Files

__all__ = ["Files"]
