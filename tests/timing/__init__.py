"""What the time until a reply tells a guesser: `make timing` measures it.

sites         the configurations, and the requests that a guesser must not tell apart
measure       the time of each request, and the AUC of two kinds of requests
"""
