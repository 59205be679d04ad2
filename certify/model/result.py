"""The values that flow through certify: frozen, and free of any engine or database.

The classes from :class:`Image` to :class:`Report` are the public JSON of
``certify run --format json``; their JSON Schema is generated from them.
Durations are seconds, sizes bytes, moments UTC.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from certify.model.terms import Grade, Level, Outcome, Status, Trust, WaiverState
from certify.model.value import Moment, Value

RESULT_SCHEMA = "certify/result/v1"
REPORT_SCHEMA = "certify/report/v1"


class Os(Value):
    """The operating system that the image says it is (``/etc/os-release``)."""

    id: str
    version_id: str | None = None
    pretty_name: str | None = None


class Image(Value):
    """The candidate. A local image has an ``image_id`` and no ``digest``."""

    reference: str
    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    """What the reference leads to in its registry: of an index, if there is one."""
    manifest_digest: str | None = None
    """The digest of this platform's own manifest; the same as ``digest`` without an index."""
    image_id: str | None = None
    platform: str | None = None
    size_bytes: int | None = None
    layers: int | None = None
    layer_digests: tuple[str, ...] = ()
    """Of each layer, unpacked, the lowest first (``diff_ids`` of the OCI image specification)."""
    created: str | None = None
    os: Os | None = None
    package_manager: str | None = None
    """The family of its package manager, such as apt; null if it has none that certify knows."""
    trust: Trust = Trust.UNKNOWN
    """How far Docker Hub vouches for its publisher."""


class Reason(Value):
    """Why the verdict is not a plain yes. ``check`` is null where no check could be asked."""

    check: str | None
    text: str
    remedy: str
    evidence: str = ""
    """What was seen of trouble that no check tells of; empty where a check has it."""


class Verdict(Value):
    """What the profile makes of all outcomes."""

    status: Status
    grade: Grade | None = None
    reasons: tuple[Reason, ...] = ()


class Waived(Value):
    """Why a check that did not pass is not held against the image."""

    reason: str
    owner: str
    expires: Moment
    """The last moment at which it counts."""
    ticket: str | None = None


class WaiverNote(Waived):
    """A waiver that is about the image, and what became of it."""

    check: str
    image: str
    """The reference or glob of the waiver."""
    state: WaiverState
    """``used``: its check is waived; ``unneeded``: its check passed; ``expired``."""


class Check(Value):
    """One check of one result."""

    id: str
    title: str
    group: str
    level: Level
    outcome: Outcome
    seconds: float
    message: str = ""
    evidence: str = ""
    remedy: str = ""
    waiver: Waived | None = None
    """Set if it failed, or was skipped because of a failure, and a waiver covers that."""


class Startup(Value):
    """How soon the candidate was up; null where it never was, or where nothing was installed."""

    create_seconds: float | None = None
    """The engine took so long to make the container."""
    start_seconds: float | None = None
    """And so long to start it."""
    boot_seconds: float | None = None
    """From the start of PID 1's systemd to boot completion, by systemd's own clock."""
    dockerd_seconds: float | None = None
    """From the start of PID 1's systemd to dockerd ready, by systemd's own clock."""
    provision_seconds: float | None = None
    """Spent on installing what the image lacked, before PID 1 was systemd."""
    samples: tuple[float, ...] = ()
    """``boot_seconds`` of every start that was measured; the field of that name is their median."""
    dockerd_samples: tuple[float, ...] = ()
    """``dockerd_seconds`` likewise."""
    provision_samples: tuple[float, ...] = ()
    """``provision_seconds`` likewise."""


LaunchKind = Literal["init", "idle", "image"]


class Launch(Value):
    """How the candidate was started."""

    kind: LaunchKind
    isolation: str
    command: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Capabilities that the image lacked, and that were to be installed before PID 1 started."""
    reproduce: str = ""
    """A command line to paste into a shell that does the same."""


class Calibration(Value):
    """How fast the host was, by certify's own probe container: seconds for each step."""

    create_seconds: float
    start_seconds: float
    remove_seconds: float

    @property
    def total_seconds(self) -> float:
        """All steps together."""
        return self.create_seconds + self.start_seconds + self.remove_seconds


class Host(Value):
    """Where it ran."""

    engine: str
    engine_version: str
    kernel: str
    cgroup_version: str
    storage_driver: str
    architecture: str
    cpus: int
    memory_bytes: int
    calibration: Calibration | None = None
    """Measured once a run; null if it could not be."""

    @property
    def kind(self) -> str:
        """What makes a verdict of one host hold on another."""
        return f"cgroup v{self.cgroup_version}, {self.storage_driver}, {self.architecture}"


class Suite(Value):
    """Which checks judged; ``digest`` is over the checks and the profile."""

    version: str
    digest: str


class Alternative(Value):
    """A certified image that another one may be built on instead."""

    reference: str
    digest: str | None
    image_id: str | None
    os: Os | None
    grade: Grade | None
    certified_at: Moment


class Recommendation(Value):
    """What a rejected image, or one certified on-launch, is told of its certified neighbours."""

    closest: tuple[Alternative, ...] = ()
    """Of the same distribution or family, the closest first."""
    extends: Alternative | None = None
    """The certified image whose layers are this image's lowest: what broke it lies above them."""


class Result(Value):
    """The certificate, or the reason why there is none: one image under one profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/result/v1"] = Field(default="certify/result/v1", alias="schema")
    image: Image
    profile: str
    verdict: Verdict
    checks: tuple[Check, ...]
    waivers: tuple[WaiverNote, ...] = ()
    startup: Startup
    launch: Launch
    log: str = ""
    """The last lines that the container itself wrote."""
    host: Host | None
    suite: Suite
    recommendation: Recommendation | None = None
    """Made from the ledger at the end of a run; null in the ledger itself."""
    started_at: Moment
    finished_at: Moment
    expires_at: Moment


class Report(Value):
    """All results of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/report/v1"] = Field(default="certify/report/v1", alias="schema")
    results: tuple[Result, ...]
