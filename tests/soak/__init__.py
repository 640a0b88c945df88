"""A long run under mixed traffic with constant disturbances: `make soak`.

traffic        the requests, and which replies are allowed
disturbances   files change, processes die, configurations break
soak           the run: every request gets one correct reply, and nothing grows
"""
