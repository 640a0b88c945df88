"""The front process: reads lines, keeps the policy and the deadlines, writes replies. It runs no backend's code.

server       the line loop: standard input to standard output, from the first line to the end
desk         what becomes of one request: policy, pending, deadline, reply
answers      what a decision is answered with
pending      a request that waits for its decision
memory       passwords that were checked, and those that are being checked
pool         which generation of workers serves, and which comes next
generation   one keeper and its workers, as seen from here
log          the Server Log, a file, syslog
descriptors  standard input, output and error put out of the libraries' reach
poller       descriptors to the functions that wait for them
"""
