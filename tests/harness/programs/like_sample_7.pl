# Correct: answers like a vendor sample with interface version 7, and reads quoted strings.
$| = 1;
my %letter = ("r", "\r", "n", "\n", "t", "\t", "e", "\n");
sub decoded {
    my ($field) = @_;
    return $field unless $field =~ s/^"(.*)"$/$1/;
    $field =~ s/\\(?:(\d{3})|(.))/defined $1 ? chr $1 : $letter{$2} || $2/ge;
    return $field;
}
while (<STDIN>) {
    next unless /^(\S+) (\S+) ?(.*?)\r?\n/;
    my ($number, $command, $fields) = ($1, $2, $3);
    my ($account, $password) = map { decoded($_) } $fields =~ /^(?:\([^ ]*\) )?("(?:[^"\\]|\\.)*"|\S+) ?(.*)$/;
    if ($command eq "INTF") { print "$number INTF ", $fields < 7 ? $fields : 7, "\n" }
    elsif ($command eq "QUIT") { print "$number OK\n"; exit }
    elsif ($command eq "VRFY") { print "$number ", $password eq "tiger" ? "OK" : "ERROR incorrect password", "\n" }
    elsif ($command =~ /^SASL/) { print "$number ERROR unsupported SASL method\n" }
    elsif ($command eq "NEW") { print "$number ", $account =~ /^alice@/ ? "OK" : "ERROR unknown account", "\n" }
    elsif ($command eq "READPLAIN") { print "$number FAILURE not supported\n" }
    else { print "$number ERROR unknown command\n" }
}
