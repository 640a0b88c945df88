"""A stand-in for the mail server: it starts any helper program and drives it as the server does (docs/harness.md).

It tests what goes over the pipes, so it shares nothing with the helper but the values and the protocol.

    session       a file -> what to send, what to expect, when to wait
    program       one running helper: its pipes, its end
    events        what happens between the two
    judge         events -> what the server would trip over
    conversation  a program and its judge, kept to the server's times
    expectations  events -> what was expected and did not come
    masking       lines as they may be shown
    log           events -> the lines of the Server Log
    report        the outcome, for people
    shell         requests that somebody types
"""
