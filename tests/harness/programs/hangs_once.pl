# Leaves its first request unanswered until it is stopped, and answers all others. The next one answers all.
$| = 1;
if (!-e "hung") { open F, ">hung"; $late = <STDIN> }
while (<STDIN>) { /^(\S+)/; print "$1 OK\n" }
print "$1 ERROR too late\n" if $late =~ /^(\S+)/;
