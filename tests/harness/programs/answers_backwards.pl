# Well-behaved: reads to the end of file before it answers anything, the last first.
@lines = <STDIN>;
for (reverse @lines) { /^(\S+) \S+ \S+ (\S+)/; print $2 eq "good" ? "$1 OK\n" : "$1 ERROR incorrect password\n" }
