$| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 OK\n" }
print "* bye";
