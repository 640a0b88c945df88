"""Mechanisms: check the response of a client to a challenge. CommuniGate Pro calls them secure methods.

credentials  MECHANISMS, the table of mechanisms, and the password or CRAM-MD5 context that a response is checked with
"""

from extauth.mechanisms.credentials import MECHANISMS

__all__ = ["MECHANISMS"]
