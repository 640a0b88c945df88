"""Programs to ask: how each is started, and how it is spoken to.

peer          what they have in common
ours          extauth
dovecot       Dovecot's auth service, at its socket
saslauthd     Cyrus SASL's saslauthd, at its socket
squid         the helpers that squid starts for basic authentication
perl_sample   a line loop in Perl, as samples for mail servers are; sample.pl is the program
line_loop     a bare line loop in Python: a limit
crypt_limit   crypt(3) on all cores: a limit; crypt_threads.c is the program
"""
