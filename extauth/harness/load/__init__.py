"""Drives a helper with many requests, and measures it (docs/harness.md).

population   a file of accounts and their passwords
methods      how a client proves its password
traffic      what is asked: who, how, and with a right or a wrong password
pace         when it is asked
bulk         the quick way to a program and back
consumption  what the program's processes use up
run          one program, from its start to its end
comparison   one program against another, in turn
tables       what came of it, in figures
"""
