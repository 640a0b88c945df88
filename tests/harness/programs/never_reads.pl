# Waits for the end of its standard input and reads nothing.
use IO::Poll qw(POLLHUP);
$poll = IO::Poll->new;
$poll->mask(STDIN => POLLHUP);
$poll->poll;
