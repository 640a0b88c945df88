"""A long run under mixed traffic with constant disturbances: `make soak`.

accounts       the password file, and which passwords are right while it changes
traffic        the requests, and which replies are allowed
disturbances   files change, processes die and hang, a backend is unavailable, the disk is full
services       Redis and the mail server fail for a time
mail_server    a mail server that creates accounts and takes passwords, and that can fail
administrator  asks for the status, the metrics and checks of logins all the time
soak           the run: every request gets one correct reply, and nothing grows
bad_requests   crashing and hanging requests: the good ones beside them get their replies
guesses        good logins while passwords are guessed
"""
