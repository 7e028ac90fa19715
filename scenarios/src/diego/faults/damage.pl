# Damages the files of a member of etcd that does not run, and prints those that it hit.
#
# usage: perl damage.pl WAY MEMBER_FOLDER [WORD OTHER_WORD]
use strict;
use warnings;
# The lengths have 64 bits.
no warnings 'portable';

my ($way, $folder, $word, $other) = @ARGV;

sub files {
    my ($pattern) = @_;
    my @files = sort glob "$folder/$pattern";
    die "there is no $pattern\n" unless @files;
    return @files;
}

# The newest segment of the log.
sub wal { return (files('wal/*.wal'))[-1] }
sub database { return (files('snap/db'))[0] }

sub change {
    my ($file, $how) = @_;
    open my $data, '+<:raw', $file or die "$file: $!\n";
    $how->($data);
    close $data or die "$file: $!\n";
}

sub flip {
    my ($data, $at, $count) = @_;
    seek $data, $at, 0;
    read($data, my $bytes, $count);
    seek $data, $at, 0;
    print $data ~$bytes;
}

# Where each record's data begin and how long they are. A frame is eight bytes for the
# length, of which the highest say how much padding there is, the record, and the padding;
# the first length of zero begins what is only reserved.
sub records {
    my ($data) = @_;
    my ($at, @records) = (0);
    while (seek($data, $at, 0) && read($data, my $head, 8) == 8) {
        my $field = unpack 'q<', $head or last;
        my $length = $field & 0x00ffffffffffffff;
        push @records, [$at + 8, $length];
        $at += 8 + $length + ($field < 0 ? ($field >> 56) & 7 : 0);
    }
    die "the log holds only " . @records . " records\n" if @records < 8;
    return @records;
}

# Ends the log in the midst of a record: one of those it holds, or one more.
sub cut_at {
    my ($file, $share, $another) = @_;
    change($file, sub {
        my ($data) = @_;
        my @records = records($data);
        my ($at, $length) = @{ $records[$share * $#records] };
        if ($another) {
            # The last one again, up to its middle: it was being written, and nobody was told.
            seek $data, $at - 8, 0;
            read($data, my $begun, 8 + $length / 2);
            my $padding = (8 - $length % 8) % 8;
            $at += $length + $padding + 8;
            seek $data, $at - 8, 0;
            print $data $begun;
        }
        truncate $data, $at + $length / 2;
    });
}

my %ways = (
    'one bit of the log flipped' => sub {
        my $file = wal();
        change($file, sub {
            my ($data) = @_;
            my @records = records($data);
            my ($at, $length) = @{ $records[$#records / 2] };
            # The last byte of a record is one of its data.
            seek $data, $at + $length - 1, 0;
            read($data, my $byte, 1);
            seek $data, $at + $length - 1, 0;
            print $data $byte ^ "\x01";
        });
        return $file;
    },
    'a record torn at the log\'s end' => sub { my $file = wal(); cut_at($file, 1, 1); return $file },
    'the log cut in half' => sub { my $file = wal(); cut_at($file, 0.5); return $file },
    'the log emptied' => sub { my $file = wal(); change($file, sub { truncate $_[0], 0 }); return $file },
    'the snapshots flipped' => sub {
        my @files = files('snap/*.snap');
        change($_, sub { flip($_[0], (-s $_[0]) / 2, 16) }) for @files;
        return @files;
    },
    'the database\'s first pages flipped' => sub {
        my $file = database();
        # Behind each page's header of 16 bytes: the magic number.
        change($file, sub { flip($_[0], $_ * 4096 + 16, 16) for 0, 1 });
        return $file;
    },
    'the database cut off' => sub { my $file = database(); change($file, sub { truncate $_[0], 8192 }); return $file },
    'the database removed' => sub {
        files('snap/*.snap');
        my $file = database();
        unlink $file or die "$file: $!\n";
        return $file;
    },
    'values changed in the database' => sub {
        my $file = database();
        change($file, sub {
            my ($data) = @_;
            my $bytes = do { local $/; <$data> };
            ($bytes =~ s/\Q$word\E/$other/g) or die "the database does not hold $word\n";
            seek $data, 0, 0;
            print $data $bytes;
        });
        return $file;
    },
);

my $damage = $ways{$way} or die "no such damage: $way\n";
print "$_\n" for $damage->();
