"""Which backends are asked about an account, in which order, and what their answers amount to.

build      a configuration -> its chain
chain      the backends of one configuration, in its order
inquiry    one question on its way along the chain
link       one backend in it: loaded, opened, asked
contract   what a backend may be asked, and may answer
"""

from extauth.chain.build import build_chain
from extauth.chain.chain import Chain
from extauth.chain.chain_run import ChainRun
from extauth.chain.configured_backend import ConfiguredBackend

__all__ = ["Chain", "ChainRun", "ConfiguredBackend", "build_chain"]
