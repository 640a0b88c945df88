"""The running helper beside a small model of it: random password files and requests, and the reply to each request."""
