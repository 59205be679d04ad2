"""A candidate cannot lift its limits, and what holds them goes with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan, Limits
from certify.engine.limits_holder import hold_limits
from certify.model.terms import LaunchKind
from tests.conftest import SAMPLES

# Lifts every limit of its own that it finds, then starts processes until it may start no more.
LIFT = """
for (qw(memory.memsw.limit_in_bytes memory.limit_in_bytes memory.max cpu.cfs_quota_us pids.max)) {
    for my $file (glob("/sys/fs/cgroup/*/$_"), "/sys/fs/cgroup/$_") {
        open my $out, ">", $file or next;
        syswrite($out, /max$/ ? "max" : "-1");
    }
}
my ($free, @children) = (1);
while ($free && @children < 400) {
    my $child = fork // ($free = 0);
    sleep 60, exit if $free && !$child;
    push @children, $child if $free;
}
kill 9, @children;
print scalar(@children), "\n";
"""


@pytest.mark.parametrize(
    ("kind", "isolation", "cgroups"),
    [
        ("idle", "default", ("1", "cgroupfs")),
        ("image", "default", ("1", "cgroupfs")),
        ("init", "sysbox", ("1", "cgroupfs")),
        ("init", "caps", ("2", "systemd")),
        ("init", "caps", ("1", "systemd")),
    ],
)
def test_no_holder_where_none_is_needed_or_can_be(
    kind: LaunchKind, isolation: str, cgroups: tuple[str, str]
) -> None:
    info = {"CgroupVersion": cgroups[0], "CgroupDriver": cgroups[1]}
    engine = cast(Any, SimpleNamespace(info=info))
    assert hold_limits(engine, LaunchPlan(kind, isolation), "0" * 12) == ""


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_candidate_cannot_lift_its_limits(engine: Engine) -> None:
    limits = Limits(memory="512m", cpus=1.0, pids=100)
    plan = LaunchPlan("init", "caps", apparmor=engine.apparmor, limits=limits)
    with launch_container(engine, f"{SAMPLES}/debian-systemd", plan) as started:
        container = started.container
        assert wait_booted(container, install_seconds=1, boot_seconds=60).ready
        ran = container.shell().run(f"perl -e '{LIFT}'")
        assert ran.rc == 0, ran.stderr
        assert 10 < int(ran.stdout) < 150
        found = engine.client.api.inspect_container(container.id)
        parent = Path("/sys/fs/cgroup/memory" + found["HostConfig"]["CgroupParent"])
        if engine.info["CgroupVersion"] == "1" and engine.local:
            assert parent != Path("/sys/fs/cgroup/memory")
            held = int((parent / "memory.limit_in_bytes").read_text())
            assert held <= limits.memory_bytes + 2**24
    assert parent == Path("/sys/fs/cgroup/memory") or not parent.exists()
