$| = 1;
while (<STDIN>) { chomp; print "* got: $_\n"; print STDERR "got: $_\n"; /^(\S+) (.*)/; print "$1 ERROR $2\n" }
