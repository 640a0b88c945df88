# Correct: replies with its working directory and its arguments.
use Cwd; $| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 ERROR ", getcwd(), " @ARGV\n" }
