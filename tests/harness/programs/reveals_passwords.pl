$| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 PLAIN tiger\n" }
