# Dies at its fiftieth request, with requests under way.
$| = 1;
while (<STDIN>) { exit 3 if $. == 50; /^(\S+)/; print "$1 OK\n" }
