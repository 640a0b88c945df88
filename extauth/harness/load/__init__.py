"""Drives a helper with very many requests, and measures it (docs/harness.md).

What the harness does meanwhile must cost less than what the program does, or the harness is what is measured.

    population   a file of accounts and their passwords
    methods      how a client proves its password
    traffic      what is asked: who, how, and with a right or a wrong password
    pace         when it is asked
    answers      what a reply says, and which ones were not right
    bulk         the quick way to a program and back
    consumption  what the program's processes use up
    run          one program, from its start to its end
    tables       what came of it in figures, one program beside another
    remarks      what came of it in words
"""
