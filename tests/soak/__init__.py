"""A long run under mixed traffic and constant mischief: `make soak`.

ledger     who has which password when: the requests, and what may be answered to each
mischief   what is done to the program meanwhile: files change, processes die, configurations break
soak       the run: every request is answered once and rightly, and nothing grows
"""
