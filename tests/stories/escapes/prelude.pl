# What every technique starts with: system calls by name, and two ways to end.
use strict;
use warnings;
$| = 1;
umask 0;

# The kernel's tables of system calls (unistd.h) for x86-64, and for arm64 and newer machines.
my %MACHINES = (
    x86_64 => {
        mount => 165, umount => 166, mknod => [133], fanotify_init => 300, fanotify_mark => 301,
        bpf => 321, keyctl => 250, add_key => 248, io_uring_setup => 425,
        name_to_handle_at => 303, open_by_handle_at => 304, pidfd_open => 434, pidfd_getfd => 438,
        process_madvise => 440, process_vm_readv => 310, ptrace => 101, finit_module => 313,
        kexec_file_load => 320, swapon => 167, syslog => 103, userfaultfd => 323,
        perf_event_open => 298, unshare => 272,
    },
    aarch64 => {
        mount => 40, umount => 39, mknod => [33, -100], fanotify_init => 262, fanotify_mark => 263,
        bpf => 280, keyctl => 219, add_key => 217, io_uring_setup => 425,
        name_to_handle_at => 264, open_by_handle_at => 265, pidfd_open => 434, pidfd_getfd => 438,
        process_madvise => 440, process_vm_readv => 270, ptrace => 117, finit_module => 273,
        kexec_file_load => 294, swapon => 224, syslog => 116, userfaultfd => 282,
        perf_event_open => 241, unshare => 97,
    },
);
my ($machine) = map { chomp; $_ } `uname -m`;
my $CALLS = $MACHINES{$machine} or broken("no table of system calls for $machine");

sub allowed { print "@_\n"; exit 0 }
sub refused { print "@_\n"; exit 1 }
sub broken { print "@_\n"; exit 3 }

# Makes a system call and returns its result; -1 leaves the reason in $!. Texts become pointers.
sub attempt {
    my ($name, @arguments) = @_;
    my $call = $CALLS->{$name} // broken("unknown system call $name");
    my @words = ((ref $call ? @$call : $call), @arguments);
    return syscall($words[0], @words[1 .. $#words]);
}

# Makes a system call that must succeed, or the technique is refused.
sub must {
    my ($name, @arguments) = @_;
    my $result = attempt($name, @arguments);
    refused("$name: $!") if $result == -1;
    return $result;
}

# A mount namespace of its own, with which every mount is gone; refused, nothing can be mounted anyway.
attempt("unshare", 0x20000);
attempt("mount", "none\0", "/\0", "none\0", 0x44000, 0);
my $FOLDER = "/run/certify/escape";
mkdir $FOLDER;
# Nodes are made here, in a tmpfs that allows devices.
attempt("mount", "tmpfs\0", "$FOLDER\0", "tmpfs\0", 0, 0);
unlink glob("$FOLDER/*");

# Mounts a file system on a folder of its own.
sub mounted {
    my ($type, $source) = @_;
    my $where = "$FOLDER/$type";
    mkdir $where;
    must("mount", ($source // $type) . "\0", "$where\0", "$type\0", 0, 0);
    return $where;
}

# A path on the engine's disk: the volume, or a file that Docker binds into every container.
my ($HOSTED) = grep { -e } qw(/var/lib/docker /etc/hosts);

# That disk: major and minor number, type of its file system.
sub host_disk {
    open my $mounts, "<", "/proc/self/mountinfo" or broken("mountinfo: $!");
    while (<$mounts>) {
        my @words = split;
        my ($type) = / - (\S+)/;
        return (split(/:/, $words[2]), $type) if $words[4] eq $HOSTED;
    }
    refused("no file system of the host is mounted here");
}

sub device_number { my ($major, $minor) = @_; return ($minor & 255) | $major << 8 | ($minor & ~255) << 12 }

# Opens a file for writing without changing it.
sub writable {
    my ($path) = @_;
    sysopen(my $file, $path, 1) or refused("$path: $!");
    allowed("$path opens for writing");
}

sub listed {
    my ($folder) = @_;
    opendir(my $handle, $folder) or refused("$folder: $!");
    my @names = grep { !/^\./ } readdir $handle;
    refused("$folder is empty") unless @names;
    allowed(scalar(@names) . " entries, such as $names[0]");
}

sub in_host_user_namespace {
    open my $map, "<", "/proc/self/uid_map" or broken("uid_map: $!");
    return <$map> =~ /^\s*0\s+0\s/;
}
