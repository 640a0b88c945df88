"""The processes that run the chain.

    start      forks one of these:
    keeper     the parent of a generation's workers: loads the chain, forks them, buries them
    worker     one of them: threads that ask backends
    task       what is asked there
    lane       one backend's threads and queue in a worker
    stepping_lane   the same where threads have several checks under way
    course     one of these checks
    fair_queue, watched_queue   the order in which that happens: accounts take turns
    alarms     what has to be done at a time
    file_watch have the files changed that the generation was made from?
    channel    how they and the front process talk
    lineage    no process outlives its parent

A generation is one reading of the configuration and of all files. A changed file, SIGHUP and a crashed keeper all lead
to the same thing: a new generation is loaded beside the running one, and takes over whole.
"""
