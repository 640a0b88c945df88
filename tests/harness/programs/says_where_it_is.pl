# Well-behaved: its arguments and its working directory as texts of replies.
use Cwd; $| = 1;
while (<STDIN>) { /^(\S+)/; print "$1 ERROR ", getcwd(), " @ARGV\n" }
