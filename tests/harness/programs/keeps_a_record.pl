# Answers OK to everything, and leaves all that it was asked in its working directory.
$| = 1;
open RECORD, ">record";
while (<STDIN>) { print RECORD; /^(\S+) (INTF \d+)?/; print "$1 ", $2 || "OK", "\n" }
