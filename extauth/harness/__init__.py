"""A stand-in for the mail server: it starts any helper program and drives it as the server does (docs/harness.md).

It tests what goes over the pipes, so it shares nothing with the helper but the values, the protocol and the reading of
TOML.

    session       a file -> what to send, what to expect, when to wait
    process       one running helper: its pipes, its kin (groups, processes)
    program       the same line by line, up to its end (splitter)
    events        what happens between the two
    judge         events -> what the server would trip over (under_way, wire)
    life          a program and its judge, kept to the server's times
    supervisor    one life after another: Auto-Restart (pending)
    external      a supervisor in a thread of its own, for whoever asks
    replay        plays a session (expectations)
    shell         sends what somebody types
    load/         sends very many requests, and measures
    masking       lines as they may be shown (known_secrets)
    log, report   events and outcomes as text
    statistics    replies and their times in figures (timeline, histogram, tables)
    page/         figures and plots as HTML
    mail/         a mail server on the loopback, for real mail programs
"""
