"""The processes that call backends, and the one that writes the log.

    supervisor         the parent of a generation's workers: reads the configuration, loads the chain, forks workers
    worker             one of them: its main thread, and threads for each backend
    backend_threads    one backend's threads and queue in a worker
    stepping_threads   the same for a backend whose threads have several checks under way
    fair_queue         the order of requests: accounts take turns
    result_batcher     results on their way to the frontend
    threads            threads that a worker cannot do without, and its timer
    messages           what the frontend, the supervisor and the workers say to each other
    log_writer         the process that writes the log file and sends to syslog
    log_destinations   the log file and syslog
    frontend_config    the part of the configuration that the frontend needs
    log_forwarding     records of Python's `logging` on their way to the frontend
    file_watcher       the process that looks at the files that the generation was loaded from
    file_watch         have the files changed that the generation was loaded from?
    process_tree       no process outlives its parent
    process_setup      umask, core dumps, signals: what a process does first

A generation is one loaded configuration with its workers. A changed file, SIGHUP and a crashed supervisor all have the
same effect: a new generation is loaded beside the running one and replaces it as a whole.
"""
