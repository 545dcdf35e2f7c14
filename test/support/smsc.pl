#!/usr/bin/perl
# An SMSC for tests, on Debian's Net::SMPP, which shares no code or author with ours.
#
#   smsc.pl [PORT [early]]        PORT 0 takes any free one; the port is printed as "listening PORT"
#
# The last digits of the destination decide: 444 throttled, 555 queue full, 333 bad address, 222 no answer,
# 999 drops the connection, 666 a receipt UNDELIV, others a receipt DELIVRD. With "early" the receipt goes out
# before the answer. Each submit_sm is printed: "submit DESTINATION SOURCE CODING CLASS VALIDITY HEX"; each
# answer to a receipt: "answered STATUS".
use strict;
use warnings;
use IO::Select;
use Net::SMPP;

my ($port, $mode) = @ARGV;
my $early = ($mode // '') eq 'early';
$| = 1;

my $listener = Net::SMPP->new_listen('127.0.0.1', port => $port // 0, smpp_version => 0x34, async => 1)
  or die "cannot listen: $!";
print 'listening ', $listener->sockport, "\n";

my $select = IO::Select->new($listener);
my $count = 0;

my %refusals = (444 => 0x58, 555 => 0x14, 333 => 0x0B);

sub receipt {
    my ($session, $pdu, $id, $stat) = @_;
    my $error = $stat eq 'DELIVRD' ? '000' : '027';
    my $dlvrd = $stat eq 'DELIVRD' ? '001' : '000';
    $session->deliver_sm(
        source_addr_ton => 1,
        source_addr_npi => 1,
        source_addr => $pdu->{destination_addr},
        destination_addr => $pdu->{source_addr},
        esm_class => 0x04,
        short_message => "id:$id sub:001 dlvrd:$dlvrd submit date:2601010000 done date:2601010001"
          . " stat:$stat err:$error text:",
    );
}

sub submit {
    my ($session, $pdu) = @_;
    my $to = $pdu->{destination_addr};
    my $rule = substr $to, -3;
    print join(' ', 'submit', $to, @$pdu{qw(source_addr data_coding esm_class validity_period)},
        unpack('H*', $pdu->{short_message})), "\n";

    return 1 if $rule eq '222';
    return 0 if $rule eq '999';
    my $id = sprintf '%010d', ++$count;
    if (my $status = $refusals{$rule}) {
        $session->submit_sm_resp(seq => $pdu->{seq}, status => $status, message_id => '');
        return 1;
    }
    my $stat = $rule eq '666' ? 'UNDELIV' : 'DELIVRD';
    receipt($session, $pdu, $id, $stat) if $early;
    $session->submit_sm_resp(seq => $pdu->{seq}, message_id => $id);
    receipt($session, $pdu, $id, $stat) unless $early;
    return 1;
}

# Returns false when the connection has to go.
sub serve {
    my ($session) = @_;
    my $pdu = $session->read_pdu or return 0;
    my $cmd = $pdu->{cmd};
    my @to = (seq => $pdu->{seq});
    my @bound = (@to, system_id => 'perl');
    return submit($session, $pdu) if $cmd == Net::SMPP::CMD_submit_sm;
    if ($cmd == Net::SMPP::CMD_bind_transceiver) { $session->bind_transceiver_resp(@bound) }
    elsif ($cmd == Net::SMPP::CMD_bind_transmitter) { $session->bind_transmitter_resp(@bound) }
    elsif ($cmd == Net::SMPP::CMD_bind_receiver) { $session->bind_receiver_resp(@bound) }
    elsif ($cmd == Net::SMPP::CMD_enquire_link) { $session->enquire_link_resp(@to) }
    elsif ($cmd == Net::SMPP::CMD_deliver_sm_resp) { print "answered $pdu->{status}\n" }
    elsif ($cmd == Net::SMPP::CMD_unbind) { $session->unbind_resp(@to) }
    return 1;
}

$SIG{PIPE} = 'IGNORE';
$SIG{__WARN__} = sub { };    # Net::SMPP reports every connection that ends
while (1) {
    for my $ready ($select->can_read) {
        if ($ready == $listener) {
            my $session = $listener->accept or next;
            $session->autoflush(1);
            $select->add($session);
        } elsif (!serve($ready)) {
            $select->remove($ready);
            close $ready;
        }
    }
}
