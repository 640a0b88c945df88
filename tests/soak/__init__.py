"""A long run under mixed traffic with constant disturbances: `make soak`.

accounts       the password file, and which passwords are right while it changes
traffic        the requests, and which replies are allowed
disturbances   files change, processes die, a backend is unavailable, the disk is full
soak           the run: every request gets one correct reply, and nothing grows
bad_requests   crashing and hanging requests: the good ones beside them get their replies
"""
