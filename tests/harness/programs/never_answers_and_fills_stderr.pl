use IO::Handle;
STDERR->blocking(0);
<STDIN>;
1 while syswrite STDERR, "x" x 100;
1 while <STDIN>;
