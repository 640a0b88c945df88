"""A stand-in for the mail server: it starts any helper program and drives it as the server does (docs/harness.md).

It tests what goes over the pipes, so it shares nothing with the helper but the values, the protocol and the reading of
TOML.

    session       a file -> what to send, what to expect, when to wait
    program       one running helper: its pipes, its end (splitter, groups)
    events        what happens between the two
    judge         events -> what the server would trip over (under_way, wire)
    supervisor    a program and its judge, kept to the server's times, and started anew (pending)
    external      the same in a thread of its own, for whoever asks
    replay        plays a session (expectations)
    shell         sends what somebody types
    masking       lines as they may be shown
    log, report   events and outcomes as text
    mail          a mail server on the loopback, for real mail programs
"""
