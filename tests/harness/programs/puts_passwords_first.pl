# Sends passwords in place of a status, and stored passwords in all wrong forms.
$| = 1;
my @ways = ("%s plain leopard", "%s  PLAIN leopard", "%s leopard", "leopard\n%s FAILURE not available", "%s ERROR leopard", "%s OK leopard");
while (<STDIN>) {
    chomp;
    my ($number, $command, $account, $password) = split / /;
    if ($command eq "READPLAIN") {
        printf shift(@ways) . "\n* leopard\n", $number;
        print STDERR "leopard\n";
    } else {
        print "$number $password is no password\n";
    }
}
