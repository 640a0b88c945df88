"""The processes beside the frontend, and what they say to each other.

    supervisor         the parent of a generation's workers: reads the configuration, loads the chain, forks workers
    worker             one of them: its main thread, and threads for each backend
    backend_threads    one backend's threads and queue in a worker
    backend_loop       the same for an async backend: an event loop and its tasks
    loop_watch         does an event loop go on?
    fair_queue         the order of requests: accounts take turns
    result_batcher     results on their way to the frontend
    threads            threads that a worker cannot do without: the monitor with signs of life and timers
    messages           what the frontend, the supervisor and the workers say to each other
    log_writer         the process that writes the log file and sends to syslog
    log_destinations   the log file and syslog
    status_server      the process that answers `extauth status`, `reload` and `verify --running`
    status_messages    what it says to the frontend and to its clients
    status_history     rates and percentiles
    failure_counter    the process that counts wrong passwords in Redis or Valkey
    handover_process   the process that sets passwords in the mail server
    handover           what it and the frontend say to each other
    run_directory      the folder of the status sockets
    pid_file           the file with the frontend's process id
    metrics            the metrics for Prometheus
    metrics_export     how they leave: over HTTP, and in a file
    frontend_config    the part of the configuration that the frontend needs
    log_forwarding     records of Python's `logging` on their way to the frontend
    file_watcher       the process that looks at the files that the generation was loaded from
    process_tree       forks a child with a socket; no process outlives its parent
    process_setup      umask, core dumps, signals: what a process does first

A generation is one loaded configuration with its workers. A changed file, SIGHUP and a crashed supervisor all have the
same effect: a new generation is loaded beside the running one and replaces it as a whole.
"""
