# Does not answer its first request until it is stopped. Answers all others. The next run answers all requests.
$| = 1;
if (!-e "hung") { open F, ">hung"; $late = <STDIN> }
while (<STDIN>) { /^(\S+)/; print "$1 OK\n" }
print "$1 ERROR too late\n" if $late =~ /^(\S+)/;
