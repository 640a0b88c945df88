"""The lines between the mail server and the helper: bytes to requests, replies to bytes (docs/protocol.md).

Pure: nothing here reads, writes, waits or knows a backend.

    framing    chunks of bytes -> lines, however long
    parser     a line -> a request
    requests   the requests (and a request -> a line, for the harness)
    quoting    quoted strings of the helper dialect
    accounts   an address -> an account in canonical form
    replies    a reply or an information line -> a line (and back, for the harness)
    plain      the reply that gives a password away -> a line
"""
