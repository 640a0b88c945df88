"""Measurements. Each is a program; `python -m benchmarks` prints the machine and runs the first three.

    against_peers    extauth beside other programs that check passwords, and beside limits: rates and their ratios
    latency          one request at a time over a warm cache, alone and beside costly hashes
    growth           the cost of a request with more accounts, more requests under way, more domains
    bulkhead         how much an LDAP server that hangs slows down the other domains
    reload           how much the reload of a large password file slows down requests

Their parts:

    comparisons      the workloads, and the peers of each
    workloads        accounts, their stored passwords, and logins
    peers/           the programs: how to start each one, and its protocol
    driver           sends many requests and checks the replies
    runs             one program on one workload: its rate, CPU time, memory, first reply
    programs         programs that run until a context ends, and what they use
    scratch          the temporary folder: password files, PAM services, an LDAP server
    options          the command line
"""
