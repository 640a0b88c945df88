$| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 ERROR ", "x" x (4096 - length("$1 ERROR ")), "\n" }
