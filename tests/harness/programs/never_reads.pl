# Waits for the end of its standard input without reading a byte of it.
use IO::Poll qw(POLLHUP);
$poll = IO::Poll->new;
$poll->mask(STDIN => POLLHUP);
$poll->poll;
