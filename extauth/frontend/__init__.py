"""The process that reads and writes the mail server's pipes. It runs no backend's code, and it waits for no disk.

frontend             the event loop: from the first line to the end of input
request_handler      the way of a request, from its line to its reply
dispatcher           where a request goes: the throttle, the cache or a worker; and its result
throttle             delays logins of an account with many wrong passwords
known_accounts       which accounts have logged in before
handovers            passwords of successful logins, on their way to the mail server
pending_requests     requests that wait for a result, and their deadlines
reply_texts          the reply to each command for each result
responder            replies and their log records
cache/               verdicts that count for a while, checks that several requests share
states               the lives of the frontend, a generation, a worker and a side process
worker_pool          which generation serves, and which one comes next
unsent_requests      requests that wait for a worker
generation           one supervisor with its workers
worker_group         the workers of a generation: started, isolated, retired, killed
worker_starter       the start of workers: how many there should be, and pauses after failures
worker_handle        one worker: its requests, whether it is alive, and which requests it gets
worker_connection    the socket to a worker
reader               lines from standard input, and its end
counters             what `extauth status` and the metrics count
administration       what an administrator asks a running helper
side_processes       the processes beside the generations
side_process         one of them: its start, its messages, its end
status_connection    the connection to the status server
handover_connection  the connection to the handover process
shared_counts        the connection to the failure counter
children             what children forget at the fork, when they start again, and how they end
reloads              the outcome of reloads, and generations that serve no longer
repeated_warnings    records that are repeated, and warnings that are not
writer               lines on their way to standard output
log                  records: their levels, and lines for the Server Log
log_sender           records on their way to the log writer
descriptors          file descriptors, a poller for them, and signals that wake it
timeouts             how long the frontend waits, and what happens then
"""
