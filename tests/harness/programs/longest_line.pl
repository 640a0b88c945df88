# Correct: 4,096 bytes with the line end, the longest reply.
$| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 ERROR ", "x" x (4095 - length("$1 ERROR ")), "\n" }
