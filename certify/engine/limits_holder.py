"""Limits that a candidate cannot lift: those of a container of certify's own, whose child it is.

On cgroup v1 root in a candidate writes to the candidate's own cgroup, its limits of memory and
processes and its devices among them. What it may not exceed is the cgroup above, which it cannot
see. On cgroup v2 the kernel itself keeps it from its own limits (``nsdelegate``, cgroups(7)).
"""

from __future__ import annotations

from pathlib import Path

from certify.engine.client import Engine
from certify.engine.dialect import DOCKER
from certify.engine.launch_plan import LaunchPlan, limits_config
from certify.engine.probe import programs
from certify.engine.probe.image import ProbeImage
from certify.model.errors import LaunchRefused

_OWN_BYTES, _OWN_PIDS = 16 * 1024 * 1024, 16
"""Room for the holder itself, so that the limit of the candidate's own cgroup is met first."""
_PORT = 1  # of a network that nobody else is on


def hold_limits(engine: Engine, plan: LaunchPlan, run: str) -> str:
    """Start a holder for a launch, and return the cgroup to put the candidate into.

    Return an empty text where none is needed, or the engine starts none. The holder is removed
    with the run's other objects.
    """
    info = engine.info
    cgroups = (str(info.get("CgroupVersion", "1")), info.get("CgroupDriver"))
    boots = plan.kind == "init" and plan.isolation in ("caps", "apparmor")
    needed = boots and cgroups == ("1", "cgroupfs")
    if not needed or plan.dialect.name != DOCKER.name:
        return ""
    config = limits_config(plan, engine.cpus) | {"network_mode": "none"}
    config["mem_limit"] = config["memswap_limit"] = plan.limits.memory_bytes + _OWN_BYTES
    config["pids_limit"] = plan.limits.pids + _OWN_PIDS
    config["devices"] = list(plan.dialect.devices)
    try:
        program = programs.serve(engine.architecture, _PORT, b"")
        holder = ProbeImage.imported(engine, run, program).start(None, config)
    except (LaunchRefused, programs.UnsupportedArchitecture):
        return ""
    return _cgroup(engine, holder)


def _cgroup(engine: Engine, container: str) -> str:
    """Return the path of a container's cgroup: as the kernel says it, or Docker's default."""
    pid = engine.client.api.inspect_container(container)["State"]["Pid"]
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    paths = [line.split(":", 2)[2] for line in lines if ":memory:" in line]
    return next((path for path in paths if container in path), f"/docker/{container}")
