"""A stand-in for the mail server. It starts any helper program and drives it as the mail server does (docs/harness.md).

The harness tests the traffic on the pipes. So it shares with the helper only values, protocol and the TOML reader.
Here "the program" is the helper program that the harness starts.

    session_file      a file: lines to send, lines to expect, pauses
    process           the process of a program and its pipes
    processes         the processes of this computer, from /proc
    lines             lines that a program writes
    program           a program line by line, and one run of it with its time-outs
    events            what happens between harness and program
    protocol_checker  events in, violations out
    request_queues    requests that wait for a reply or for a program
    program_manager   one run after another: Auto-Restart
    external          a program in a thread, for callers in many threads
    replay            plays a session file
    shell             sends typed requests
    masking           hides passwords in all text that is shown
    remembered_secrets  hides those that a text of the program repeats
    log, report       events and results as text
    statistics        counts replies and their times
    tables            statistics as tables
    load/             sends very many requests and measures the program
    page/             the HTML report
    mail/             a mail server on the loopback, for real mail programs
"""
