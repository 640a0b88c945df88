"""The processes that call backends.

    supervisor         the parent of a generation's workers: loads the chain, forks workers, reaps them
    worker             one of them: its main thread, and threads for each backend
    backend_threads    one backend's threads and queue in a worker
    stepping_threads   the same for a backend whose threads have several checks under way
    fair_queue         the order of requests: accounts take turns
    result_batcher     results on their way to the frontend
    threads            threads that a worker cannot do without, and its timer
    messages           what the frontend, the supervisor and the workers say to each other
    log_forwarding     records of Python's `logging` on their way to the frontend
    file_watch         have the files changed that the generation was loaded from?
    process_tree       no process outlives its parent
    process_setup      umask, core dumps, signals: what a process does first

A generation is one loaded configuration with its workers. A changed file, SIGHUP and a crashed supervisor all have the
same effect: a new generation is loaded beside the running one and replaces it as a whole.
"""
