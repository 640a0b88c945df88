while (<STDIN>) { /^(\S+)/; print "$1 OK\n" }
