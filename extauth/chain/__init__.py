"""Which backends a request is sent to, in which order, and what their results come to.

build                a configuration -> its chain
plugins              the `type` of a backend -> its class
imports              which code may be imported, and who can write it
chain                the backends of one configuration, in order
chain_run            one request on its way along the chain
configured_backend   one backend in the chain: loaded, opened, called
backend_rules        checks the class of a backend at the start
backend_adapter      requests -> calls of a backend's methods; their return values -> results
call_marks           what a worker is doing, in memory that it shares with the frontend
password_masking     no password in reasons and records
"""

from extauth.chain.build import build_chain
from extauth.chain.chain import Chain
from extauth.chain.chain_run import ChainRun
from extauth.chain.configured_backend import ConfiguredBackend

__all__ = ["Chain", "ChainRun", "ConfiguredBackend", "build_chain"]
