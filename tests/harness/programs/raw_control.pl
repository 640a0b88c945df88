$| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 ERROR a\rb\n" }
