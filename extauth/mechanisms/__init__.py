"""Mechanisms: check the response of a client to a challenge. CommuniGate Pro calls them secure methods.

responses    MECHANISMS, the table of mechanisms; CRAM-MD5 and APOP
credentials  the password or CRAM-MD5 context that a response is checked with
"""

from extauth.mechanisms.responses import MECHANISMS

__all__ = ["MECHANISMS"]
