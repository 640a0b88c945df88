$| = 1;
while (<STDIN>) { /^(\S+)/; print STDERR "x" x 200_000; print "$1 OK\n" }
