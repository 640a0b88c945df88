#!/usr/bin/perl
# A helper like the samples that come with mail servers. It reads a line and looks into a hash of passwords that were
# right. If the password is not there, it searches the LDAP server and binds as the entry, over one connection. Then
# it prints the reply. Use it only to measure: it keeps clear texts in memory and handles one request at a time.
#
#     perl sample.pl URL BASE BIND_DN BIND_PASSWORD [SECONDS THAT A PASSWORD IS KEPT]
use strict;
use warnings;
use Net::LDAP;
use Net::LDAP::Util qw(escape_filter_value);

my ($url, $base, $reader, $secret, $ttl) = @ARGV;
$ttl = 120 unless defined $ttl;
my ($ldap, %right);
$| = 1;

while (my $line = <STDIN>) {
    $line =~ s/\r?\n\z//;
    if ($line =~ /^(\S+) VRFY (?:\(\S+\) )?(\S+) (.+)$/) {
        print $1, is_right($2, $3) ? " OK\n" : " ERROR incorrect password\n";
    } elsif ($line =~ /^(\S+)/) {
        print "$1 ERROR unknown command\n";
    }
}

sub is_right {
    my ($account, $password) = @_;
    my $known = $right{$account};
    return 1 if $known && $known->[0] eq $password && $known->[1] > time;
    return 0 unless is_right_there($account, $password);
    $right{$account} = [$password, time + $ttl] if $ttl;
    return 1;
}

sub is_right_there {
    my ($account, $password) = @_;
    my ($name) = split /@/, $account;
    $ldap ||= Net::LDAP->new($url) or die $@;
    $ldap->bind($reader, password => $secret);
    my $found = $ldap->search(base => $base, filter => '(uid=' . escape_filter_value($name) . ')');
    return 0 unless $found->count == 1;
    return !$ldap->bind($found->entry(0)->dn, password => $password)->code;
}
