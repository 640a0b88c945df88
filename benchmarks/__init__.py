"""Measurements, each a program of its own. `python -m benchmarks` runs the first three, and says on what machine.

    against_peers    what others do that check passwords, and the limits: pairs of runs, and their ratios
    latency          one request at a time over a warm cache, alone and beside costly hashes
    growth           what a request costs with more accounts, more requests under way, more domains
    bulkhead         what a directory that hangs costs the others
    reload           what reloading a large password file costs those who ask meanwhile

What they are made of:

    comparisons      what is compared with what
    workloads        accounts, what is stored for them, and logins
    peers/           programs to ask: how each is started, and how it is spoken to
    driver           asks many requests, and checks the answers
    runs             one program on one workload: its rate, CPU time, memory, first answer
    programs         programs that run until a context ends, and what they use
    scratch          the folder with password files, PAM services, the directory
    options          the command line
    directory        a slapd with the accounts
    helper           a helper that is asked one request after another
"""
