"""The lines between the mail server and the helper: bytes to requests, replies to bytes (docs/protocol.md).

Nothing here reads, writes, waits or knows a backend.

    framing   chunks of bytes -> lines of any length
    parser    a line -> a request
    requests  the requests; the harness also turns a request into a line
    quoting   quoted strings of the helper dialect
    data_format  values in the data format of the mail server: settings, commands and replies of its CLI
    accounts  an address -> an account in canonical form
    replies   a reply or an information line -> a line; the harness also turns a line into a reply
"""
