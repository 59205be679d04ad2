# shellcheck shell=bash
# What the scripts beside this file share. Sourced with the checkout as the current
# directory; $TOPIC is the word that their lines begin with.

LOGS=.cache/logs
mkdir -p "$LOGS"

# Children end by themselves on Ctrl-C, each in its own words; what they were doing has
# not failed, and the next run continues it.
trap 'echo; exit 130' INT
trap 'exit 143' TERM

say() { printf '==> %s: %s\n' "$TOPIC" "$*"; }

die() { # one line an argument: what is wrong, then what to do about it
    printf '==> %s: %s\n' "$TOPIC" "$1" >&2
    shift
    (($# == 0)) || printf '    %s\n' "$@" >&2
    exit 1
}

# logged LOG COMMAND...: silent if all goes well; if not, the end of the log and false.
logged() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 30 "$log" | sed 's/^/    /' >&2
    return 1
}

# Two at the same time in one checkout would trip over each other. The lock is the
# open file number 9: it goes with the process, however that ends.
one_at_a_time() {
    exec 9>".cache/$TOPIC.lock"
    flock --nonblock 9 && return
    say "waiting for another run of scripts/$TOPIC to end"
    flock --timeout 1800 9 || die "another run of scripts/$TOPIC does not end"
}
