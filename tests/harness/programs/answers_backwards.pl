# Correct: reads to the end of file, then answers in reverse order.
@lines = <STDIN>;
for (reverse @lines) { /^(\S+) \S+ \S+ (\S+)/; print $2 eq "good" ? "$1 OK\n" : "$1 ERROR incorrect password\n" }
