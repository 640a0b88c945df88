# Answers like a vendor sample with interface version 3. Correct, but it writes passwords to the Server Log.
$| = 1;
while (<STDIN>) {
    next unless /^(\S+) (\S+) ?(.*?)\r?\n/;
    my ($number, $command, $fields) = ($1, $2, $3);
    if ($command eq "INTF") { print "* sample\n$number INTF 3\n" }
    elsif ($command eq "QUIT") { print "$number OK\n"; exit }
    elsif ($command eq "VRFY" && $fields =~ /^(?:\(\S*\) )?(\S+) (\S+)/) {
        print "* $1 tries $2\n", $2 eq "tiger" ? "$number OK\n" : "$number ERROR incorrect password\n";
    }
    elsif ($command =~ /^SASL/) { print "$number ERROR unsupported SASL method\n" }
    elsif ($command eq "READPLAIN") { print "$number FAILURE not supported\n" }
    else { print "$number ERROR unsupported command\n" }
}
