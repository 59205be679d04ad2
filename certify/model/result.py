"""Results of certifications, as ``certify run --format json`` prints them.

The public JSON Schema is generated from these classes. Durations are in seconds, sizes in bytes,
moments in UTC. Fields that a newer certify has added to a result are kept.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from certify.model.host import Host, HostVerdict
from certify.model.terms import Grade, LaunchKind, Level, Outcome, Status, Trust, WaiverState
from certify.model.value import Moment, OpenValue

RESULT_SCHEMA = "certify/result/v1"
REPORT_SCHEMA = "certify/report/v1"


class Os(OpenValue):
    """The operating system according to the image's ``/etc/os-release``."""

    id: str
    version_id: str | None = None
    pretty_name: str | None = None


class Image(OpenValue):
    """The image under test. One that is only local has an ``image_id`` but no ``digest``."""

    reference: str
    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    """The digest that the reference leads to in its registry: the index's, if there is an index."""
    manifest_digest: str | None = None
    """The digest of the platform's own manifest; the same as ``digest`` without an index."""
    rival_manifests: tuple[str, ...] = ()
    """The digests of all manifests for the platform, if the index holds several."""
    image_id: str | None = None
    platform: str | None = None
    platforms: tuple[str, ...] = ()
    """The platforms of the index, if ``--platform all`` was given; else empty."""
    size_bytes: int | None = None
    layers: int | None = None
    layer_digests: tuple[str, ...] = ()
    """The digests of the unpacked layers, lowest first (``diff_ids`` of the OCI specification)."""
    created: str | None = None
    os: Os | None = None
    package_manager: str | None = None
    """The family of the package manager, such as ``apt``; None if none was found."""
    trust: Trust = Trust.UNKNOWN
    """The trust that Docker Hub places in the publisher."""

    @property
    def identity(self) -> str:
        """The digest, or else the image ID; empty if neither is known."""
        return self.digest or self.image_id or ""


class Reason(OpenValue):
    """A reason for a verdict, with the check that it is about, if any."""

    check: str | None
    text: str
    remedy: str
    evidence: str = ""
    """Evidence of trouble that belongs to no check; empty if a check has the evidence."""

    @property
    def cause(self) -> str:
        """The text, after the check that it is about: ``image.shell: it has none``."""
        return f"{self.check}: {self.text}" if self.check else self.text


class Verdict(OpenValue):
    """The verdict of a profile on the outcomes of all checks."""

    status: Status
    grade: Grade | None = None
    reasons: tuple[Reason, ...] = ()


class AppliedWaiver(OpenValue):
    """A waiver, as recorded with the check that did not pass and is excused."""

    reason: str
    owner: str
    expires: Moment
    """The last moment at which the waiver is valid."""
    ticket: str | None = None


class WaiverNote(AppliedWaiver):
    """A waiver about the image, used or not."""

    check: str
    image: str
    """The reference or glob of the waiver."""
    state: WaiverState
    """``used`` if its check is waived, ``unneeded`` if its check passed, or ``expired``."""


class Check(OpenValue):
    """The result of one check."""

    id: str
    title: str
    group: str
    level: Level
    outcome: Outcome
    seconds: float
    began_seconds: float | None = None
    """The moment at which it began, in seconds since the container was requested."""
    lane: str = ""
    """The lane in which it ran beside the checks of another one; empty if it ran alone."""
    message: str = ""
    evidence: str = ""
    remedy: str = ""
    flaky: bool = False
    """True if it passed and failed in several runs of the same image (``--repeat``)."""
    waiver: AppliedWaiver | None = None
    """The waiver that covers a failure, or a skip because of a failure."""


class Startup(OpenValue):
    """Startup times, as far as the image started and something was installed."""

    lookup_seconds: float | None = None
    """The time before the container was requested: the host was measured, the image looked up."""
    create_seconds: float | None = None
    """The time that the engine took to create the container, and what it needs beside it."""
    start_seconds: float | None = None
    """The time that the engine took to start the container."""
    boot_seconds: float | None = None
    """The time from the start of systemd to the end of the boot, by systemd's own clock."""
    dockerd_seconds: float | None = None
    """The time from the start of systemd until dockerd was ready, by systemd's own clock."""
    provision_seconds: float | None = None
    """The time spent on installing missing software, before systemd started as PID 1."""
    samples: tuple[float, ...] = ()
    """The boot times of all measured starts; ``boot_seconds`` is their median."""
    dockerd_samples: tuple[float, ...] = ()
    """The times of dockerd; ``dockerd_seconds`` is their median."""
    provision_samples: tuple[float, ...] = ()
    """The installation times; ``provision_seconds`` is their median."""
    ready_seconds: float | None = None
    """The time from the start of a service's container until the service was ready."""
    ready_samples: tuple[float, ...] = ()
    """The times of all starts of the service; ``ready_seconds`` is their median."""


CLOSED_NETWORK = "own: the host and private addresses are closed, but for what --reach names"
"""The words of a result for a network on which all is refused that certify can refuse."""


class Launch(OpenValue):
    """The way in which the image was started."""

    kind: LaunchKind
    isolation: str
    command: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """The capabilities that the image lacked, to be installed before PID 1 started."""
    reproduce: str = ""
    """A command line that starts the image in the same way."""
    network: str = ""
    """The reach of the image; empty on a network that somebody named."""
    unconfined: str = ""
    """The reason why certify's AppArmor profile, which the engine's host could enforce, was not
    used at isolation ``caps``; empty at any other, and on a host without AppArmor."""


class Suite(OpenValue):
    """The checks that were run; ``digest`` covers everything that can change a verdict."""

    version: str
    digest: str


class Alternative(OpenValue):
    """A certified image that can replace another as a base."""

    reference: str
    digest: str | None
    image_id: str | None
    os: Os | None
    grade: Grade | None
    certified_at: Moment


class BootRank(OpenValue):
    """The place of an image among the certified images of the matrix with its profile."""

    rank: int
    """1 for the fastest; images with the same boot time share a rank."""
    images: int
    """The number of images that are compared, this one included."""
    faster_than_percent: int
    """The share of the other images that boot more slowly."""


class Recommendation(OpenValue):
    """Certified images related to one that was rejected or certified on-launch."""

    closest: tuple[Alternative, ...] = ()
    """Images of the same distribution or family, the closest first."""
    extends: Alternative | None = None
    """The certified image on which this one is built; the layers above it cause the failure."""


class Result(OpenValue):
    """The result for one image under one profile: a certificate, or the reasons for none."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_: Literal["certify/result/v1"] = Field(default="certify/result/v1", alias="schema")
    image: Image
    profile: str
    verdict: Verdict
    checks: tuple[Check, ...]
    waivers: tuple[WaiverNote, ...] = ()
    startup: Startup
    launch: Launch
    log: str = ""
    """The last lines that the container wrote to its log."""
    host: Host | None
    suite: Suite
    recommendation: Recommendation | None = None
    """Related images in the ledger, added at the end of a run; not recorded in the ledger."""
    inventory: str | None = Field(default=None, repr=False)
    """What the image holds, to compare later results with: compressed JSON in base64.

    Only the ledger has it; in reports it is None.
    """
    boot_rank: BootRank | None = None
    """The rank of ``boot_seconds`` in the matrix; not recorded in the ledger."""
    hosts: tuple[HostVerdict, ...] = ()
    """The verdicts by kind of host, if several kinds have judged the image; not recorded."""
    started_at: Moment
    finished_at: Moment
    expires_at: Moment


class Index(OpenValue):
    """The verdict on an image that is published for several platforms, all of which were meant."""

    reference: str
    profile: str
    status: Status
    """Certified only if each platform is, and rejected if any is."""
    platforms: dict[str, Status | None]
    """The verdict for each platform; None where there is no result."""


class Report(OpenValue):
    """The results of one run."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_: Literal["certify/report/v1"] = Field(default="certify/report/v1", alias="schema")
    results: tuple[Result, ...]
    indexes: tuple[Index, ...] = ()
    """One verdict for each image whose platforms were all to be certified."""
