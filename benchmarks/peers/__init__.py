"""The programs that are measured: how to start each one, and its protocol.

peer          their common parts
own           extauth; a line loop in Perl (sample.pl); two limits: a line loop in Python, crypt(3) (crypt_threads.c)
dovecot       Dovecot's auth service, at its socket
saslauthd     Cyrus SASL's saslauthd, at its socket
squid         squid's helpers for basic authentication
"""
