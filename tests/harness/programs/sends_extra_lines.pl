# Sends lines that answer nothing.
$| = 1;
while (<STDIN>) {
    /^(\S+)/;
    print "$1 OK\n";
    print "$1 OK\n" if $. == 50;
    print "999999 OK\n" if $. == 60;
    print "tiger\n* tiger is the password\n" if $. == 70;
}
