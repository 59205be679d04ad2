"""Facts about a candidate that a test in its shell decides: it succeeds if the fact holds."""

from certify.model.host import ORDINARY_FILES
from certify.suite import own_settings

# PID 1 of a container has the limit that the engine granted.
_FEW_FILES = f"""\
granted=$(grep '^Max open files' /proc/1/limits | tr -s ' ' | cut -d ' ' -f 5)
[ "$granted" -lt {ORDINARY_FILES} ]"""
_CGROUPS_CLOSED = """\
cd /sys/fs/cgroup && [ -d memory ] || { [ ! -w /sys/fs/cgroup ]; exit; }
for d in cpuset devices memory pids systemd; do [ ! -d $d ] || [ -w $d ] || exit 0; done; exit 1"""
"""A test of the one hierarchy of cgroup v2, or of those of v1 that dockerd needs."""
BY_SHELL = {
    "the launch filters system calls": r"grep -q '^Seccomp:.*[12]' /proc/self/status",
    "the launch forbids new privileges": r"grep -q '^NoNewPrivs:.*1' /proc/self/status",
    "the launch grants fewer open files than ordinary engines do": _FEW_FILES,
    "the launch raises the OOM score": '[ "$(cat /proc/1/oom_score_adj)" -gt 0 ]',
    "root cannot write to the control groups": _CGROUPS_CLOSED,
    "iptables is in the image": "[ -x /usr/sbin/iptables ] || [ -x /sbin/iptables ]",
    "accounts are not looked up in files": own_settings.ACCOUNTS_ELSEWHERE,
    "no package source is for the image's architecture": own_settings.FOREIGN,
    "dpkg leaves out programs of packages": own_settings.LEFT_OUT,
}
"""The tests by the sentences of the facts."""
