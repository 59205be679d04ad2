"""The host of a certification: its properties, its speed, and the verdicts of one kind of host."""

from __future__ import annotations

from certify.model.terms import Grade, Status
from certify.model.value import Moment, OpenValue

ORDINARY_FILES = 524288
"""The open files that systemd lets services have by default (systemd-system.conf(5)), and so
containerd its containers."""


class Calibration(OpenValue):
    """The speed of the host: times of certify's own probe container."""

    create_seconds: float
    start_seconds: float
    remove_seconds: float

    @property
    def total_seconds(self) -> float:
        """The time of all steps together."""
        return self.create_seconds + self.start_seconds + self.remove_seconds


class Host(OpenValue):
    """The host that ran the checks."""

    name: str | None = None
    """Its name in a cluster; None on the host that certify was started on."""
    engine: str
    engine_version: str
    kernel: str
    cgroup_version: str
    storage_driver: str
    architecture: str
    cpus: int
    memory_bytes: int
    calibration: Calibration | None = None
    """The speed, measured once per run; None if the measurement failed."""

    @property
    def kind(self) -> str:
        """The properties that two hosts must share for a verdict to hold on both."""
        engine = "" if self.engine.lower() == "docker" else f", {self.engine}"
        return f"cgroup v{self.cgroup_version}, {self.storage_driver}, {self.architecture}{engine}"


class HostVerdict(OpenValue):
    """The verdict in force on an image on one kind of host."""

    kind: str
    """Control groups, storage and architecture, such as ``cgroup v2, overlay2, x86_64``."""
    status: Status
    grade: Grade | None = None
    finished_at: Moment
    expires_at: Moment
