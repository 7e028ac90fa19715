# Units of systemd, as their files describe them: what they say, what their commands find set, and
# their processes.
package main;
use strict;
use warnings;
use Errno;
use POSIX qw(setgid setuid);
use Text::ParseWords qw(shellwords);

our @FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/lib/systemd/system");
# What a machine forgets with its power.
our $STATE = "/run/units";
mkdir $STATE or $!{EEXIST} or die "$STATE: $!\n";

sub slurp {
    my ($path) = @_;
    open(my $file, "<", $path) or return "";
    local $/;
    return <$file> // "";
}

sub spew {
    my ($path, $text) = @_;
    open(my $file, ">", "$path.$$") or die "$path: $!\n";
    print $file $text;
    close $file;
    rename "$path.$$", $path;
}

# The unit of that name: each setting is a list. Nothing, if there is none.
sub read_unit {
    my ($name) = @_;
    $name =~ s/\.service$//;
    my ($file) = grep { -e } map { "$_/$name.service" } @FOLDERS;
    return if !$file;
    # An alias is a link.
    if (-l $file && readlink($file) =~ m{([^/]+)\.service$}) { $name = $1 }
    my @files = ($file, map { glob "$_/$name.service.d/*.conf" } @FOLDERS);
    my %set;
    for my $text (map { slurp($_) } @files) {
        $text =~ s/^[#;].*\n//mg;
        $text =~ s/\\\n/ /g;
        while ($text =~ /^(\w+)=[ \t]*(.*?)[ \t]*$/mg) {
            # An empty value takes back what was said before.
            if (length $2) { push @{ $set{$1} }, $2 } else { delete $set{$1} }
        }
    }
    return { name => $name, set => \%set, files => \@files };
}

sub last_of {
    my ($unit, $key, $default) = @_;
    return ($unit->{set}{$key} // [$default])->[-1];
}

# A time span in seconds.
sub span {
    my ($text) = @_;
    my %unit = (us => 1e-6, ms => 1e-3, s => 1, min => 60, h => 3600);
    my $sum = 0;
    return 9e9 if $text eq "infinity" || $text eq "0";
    $sum += $1 * $unit{ $2 || "s" } while $text =~ /(\d+)\s*(us|ms|min|h|s)?/g;
    return $sum;
}

# The manager's environment, which services get.
sub environment {
    return slurp("$STATE/environment") =~ /^(\w+)=(.*)$/mg;
}

# What a service's commands find set.
sub environment_of {
    my ($unit) = @_;
    my %env = (PATH => $ENV{PATH}, environment());
    for my $line (@{ $unit->{set}{Environment} // [] }) { /^(\w+)=(.*)$/s and $env{$1} = $2 for shellwords($line) }
    for my $file (@{ $unit->{set}{EnvironmentFile} // [] }) {
        my $text = slurp($file =~ s/^-//r);
        while ($text =~ /^\s*(\w+)=(.*)$/mg) { $env{$1} = join " ", shellwords($2) }
    }
    return %env;
}

# A command's words, with the unit's variables put in.
sub words {
    my ($unit, $line, %env) = @_;
    my ($flags, $rest) = $line =~ /^([-\@:+!]*)(.*)$/s;
    my @words;
    for my $word (shellwords($rest =~ s/\\(?!["'\\ ])/\\\\/gr)) {
        if ($word =~ /^\$(\w+)$/) { push @words, split " ", $env{$1} // ""; next }
        $word =~ s/\$\{(\w+)\}/$env{$1} \/\/ ""/ge;
        push @words, $word =~ s/\$\$/\$/gr =~ s/%n/$unit->{name}.service/gr =~ s/%%/%/gr;
    }
    return ($flags, @words);
}

# Runs a command of the unit's in a child; gives its pid.
sub run_command {
    my ($unit, $as_root, $more, $line) = @_;
    my %env = (environment_of($unit), %$more);
    my ($flags, @words) = words($unit, $line, %env);
    my $pid = fork // die "fork: $!\n";
    return ($pid, $flags) if $pid;
    become($unit) if !$as_root && $flags !~ /[+!]/;
    %ENV = %env;
    exec { $words[0] } @words or print STDERR "$words[0]: $!\n";
    POSIX::_exit(203);
}

sub become {
    my ($unit) = @_;
    my $user = last_of($unit, "User", "root");
    return if $user eq "root";
    my (undef, undef, $uid, $gid) = getpwnam $user or die "no user $user\n";
    $gid = getgrnam(last_of($unit, "Group", "")) // $gid;
    $) = "$gid $gid";
    setgid($gid);
    setuid($uid);
}

# Runs the unit's commands of that kind, one after another; whether all succeeded.
sub run_all {
    my ($unit, $kind) = @_;
    my $as_root = last_of($unit, "PermissionsStartOnly", "no") =~ /^(yes|true|1)$/;
    for my $line (@{ $unit->{set}{$kind} // [] }) {
        my ($pid, $flags) = run_command($unit, $as_root, {}, $line);
        waitpid $pid, 0;
        return 0 if $? && $flags !~ /-/;
    }
    return 1;
}

# A process by its pid and the moment of its start, which no later one has.
sub alive {
    my ($pid) = @_;
    my @stat = split " ", slurp("/proc/$pid/stat") =~ s/.*\) //sr;
    return @stat && $stat[0] ne "Z" ? $stat[19] : undef;
}

# Its main process: the one that was started here, or else the oldest of its program.
sub pid {
    my ($unit) = @_;
    my ($pid) = slurp("$STATE/$unit->{name}.pid") =~ /^(\d+)/;
    return $pid if $pid && alive($pid);
    my $program = program($unit) or return undef;
    my @found = grep {
        my @line = split /\0/, slurp("/proc/$_/cmdline");
        @line && $line[0] eq $program && alive($_) && !grep { /^--wsrep[-_]recover|\/systemctl$/ } @line
    } map { m{(\d+)} } glob "/proc/[0-9]*";
    return (sort { alive($a) <=> alive($b) || $a <=> $b } @found)[0];
}

# What it runs in the end: a shell in between becomes it.
sub program {
    my ($unit) = @_;
    my (undef, @words) = words($unit, last_of($unit, "ExecStart", ""));
    return $words[0] if @words && $words[0] !~ m{/(ba|da)?sh$};
    return "@words" =~ /\bexec (\/\S+)/ ? $1 : undef;
}

1;
