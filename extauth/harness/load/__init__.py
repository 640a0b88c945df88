"""Sends very many requests to a helper and measures it (docs/harness.md).

The harness must use less CPU than the program. Otherwise the figures are those of the harness.

    accounts     the file of accounts and passwords
    traffic      draws requests: account, command or mechanism, right or wrong password
    pace         when requests are sent
    driver       sends requests, checks each reply
    measurement  one program from its start to its end, and the resources that it uses
    report       figures and remarks, for one program or two
"""
