# Answers OK to everything. Writes the requests to a file in its working directory.
$| = 1;
open RECORD, ">record";
while (<STDIN>) { print RECORD; /^(\S+) (INTF \d+)?/; print "$1 ", $2 || "OK", "\n" }
