# Dies with requests under way, at every fiftieth.
$| = 1;
while (<STDIN>) { exit 3 if $. == 50; /^(\S+)/; print "$1 OK\n" }
