"""How costly a stored password may be: anybody who can write one could otherwise stop the service with it.

The times are of one check at the limit, on one core of 2020s server hardware.
"""

from __future__ import annotations

from extauth.passwords.stored import UnusableHash

BCRYPT_COST = 15  # 2.5 s
SHA_CRYPT_ROUNDS = 1_000_000  # 0.5 s; a password of some hundred bytes makes it several times that
PBKDF2_ROUNDS = 5_000_000  # 2.8 s with SHA-1, 3.0 s with SHA-256, 6.5 s with SHA-512
SCRYPT_MEMORY = 1 << 30  # bytes, as 128 * N * r * p: 4.5 s; yescrypt 1.5 s
ARGON2_MEMORY = 1 << 20  # KiB, that is 1 GiB
ARGON2_WORK = 4 << 20  # KiB * passes: 5.2 s
ARGON2_LANES = 64  # each one is a thread
ARGON2_STARTS = 10_000  # lanes * passes: so many threads are started one after the other
SCRYPT_BLOCKS = 4_096  # r * p: with a small N, what is done for each block counts


def at_most(limit: int, cost: int, unit: str) -> int:
    """`cost`; raises UnusableHash where it is over `limit`."""
    if cost > limit:
        raise UnusableHash(f"over the cost limit of {limit} {unit}")
    return cost


def scrypt_cost(log2_n: int, r: int, p: int) -> str:
    """The cost of scrypt and its relatives as a text; raises UnusableHash where it is over the limit."""
    at_most(SCRYPT_BLOCKS, r * p, "blocks")
    at_most(SCRYPT_MEMORY, (128 * r * p) << log2_n, "bytes")
    return f"N=2^{log2_n},r={r},p={p}"
