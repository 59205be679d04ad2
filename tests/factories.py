"""The values that tests are about: results, checks, lists, and as many of them as one likes.

`a_result` makes the one plain result from which all others differ; the fixtures of this module
(tests/conftest.py takes them in) are results as real runs give them, one of each verdict.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import pytest

from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.host import Calibration, Host
from certify.model.result import (
    AppliedWaiver,
    Check,
    Image,
    Launch,
    Os,
    Reason,
    Result,
    Startup,
    Suite,
    Verdict,
)
from certify.model.terms import Grade, Level, Outcome, Status, Trust
from certify.suite.catalogue import claims
from certify.util.text import safe_json

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = datetime.now(UTC).replace(microsecond=0)
REGISTRY, REPOSITORY = "registry.invalid", "team/app"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def a_result(
    *, status: Status = Status.CERTIFIED, moment: datetime = NOON, **fields: Any
) -> Result:
    """A result without checks, certified at ``moment``; ``fields`` are those of `Result`."""
    image = {"reference": "docker.io/library/debian:12"} | fields.pop("image", {})
    known: dict[str, Any] = {
        "image": Image(**image),
        "profile": "devspace",
        "verdict": Verdict(
            status=status, grade=Grade.NATIVE if status is Status.CERTIFIED else None
        ),
        "checks": (),
        "startup": Startup(boot_seconds=0.8),
        "launch": Launch(kind="init", isolation="caps"),
        "host": None,
        "suite": Suite(version="1", digest=digest(9)),
        "started_at": moment - timedelta(seconds=12),
        "finished_at": moment,
        "expires_at": moment + timedelta(days=30),
    }
    return Result(**(known | fields))


def a_certificate(**fields: Any) -> Result:
    """A certificate of ``registry.invalid/team/app:1`` that stands now."""
    image = {
        "reference": f"{REGISTRY}/{REPOSITORY}:1",
        "registry": REGISTRY,
        "repository": REPOSITORY,
        "tag": "1",
        "digest": digest(1),
        "manifest_digest": digest(2),
        "platform": "linux/amd64",
    } | fields.pop("image", {})
    known = {"image": image, "profile": "plain", "launch": Launch(kind="idle", isolation="caps")}
    return a_result(**({"moment": NOW} | known | fields))


def a_check(name: str, outcome: Outcome, level: Level = Level.REQUIRED, **more: Any) -> Check:
    return Check(id=name, title=name, group="x", level=level, outcome=outcome, seconds=0, **more)


def a_waiver() -> AppliedWaiver:
    return AppliedWaiver(reason="known", owner="ana", expires=NOW + timedelta(days=1))


def an_entry(**fields: Any) -> Approved:
    known: dict[str, Any] = {
        "pin": f"{REGISTRY}/{REPOSITORY}@{digest(1)}",
        "reference": f"{REGISTRY}/{REPOSITORY}:1",
        "registry": REGISTRY,
        "repository": REPOSITORY,
        "tag": "1",
        "digest": digest(1),
        "manifest_digest": digest(2),
        "platform": "linux/amd64",
        "profile": "plain",
        "grade": Grade.NATIVE,
        "suite": digest(9),
        "certified_at": NOW,
        "expires_at": NOW + timedelta(days=30),
    }
    return Approved(**(known | fields))


def a_list(
    *images: Approved, revoked: tuple[Revocation, ...] = (), sequence: int = 7, **fields: Any
) -> ApprovedList:
    known: dict[str, Any] = {
        "sequence": sequence,
        "published_at": NOW,
        "expires_at": NOW + timedelta(days=7),
        "images": images or (an_entry(),),
        "revoked": revoked,
    }
    return ApprovedList(**(known | fields))


def raw_list(listed: ApprovedList) -> bytes:
    return safe_json(listed.model_dump(mode="json", by_alias=True), indent=1).encode()


def digest_of(raw: bytes) -> str:
    return f"sha256:{sha256(raw).hexdigest()}"


DIGEST = "sha256:" + "4abcdef0123456789" * 3 + "4abcdef012345"
NAMES = {
    "image": "os shell platform libc size layers",
    "packages": "manager refresh install remove current",
    "systemd": "installed pid1 state units journal service shutdown restart",
    "dockerd": "installed running unit container network storage compose restart",
    "startup": "boot dockerd provision",
    "workspace": "user sudo bash download git",
}
IDS = [f"{group}.{name}" for group, names in NAMES.items() for name in names.split()]
RECOMMENDED = {"systemd.units", "dockerd.compose", "packages.remove", "workspace.git"}
REPRODUCE = (
    "docker run -d --cap-add=SYS_ADMIN --cap-add=NET_ADMIN"
    " --security-opt seccomp=seccomp.json --security-opt apparmor=unconfined"
    " --cgroupns=private --stop-signal SIGRTMIN+3 -e container=docker --tmpfs /run"
    " --tmpfs /run/lock -v /var/lib/docker localhost/debian-devspace:latest sh -c"
    " 'for m in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,rw,bind $m; done;"
    " exec /sbin/init'"
)
EVIDENCE = """\
$ docker run --rm --network none certify-probe:say
exit 125
docker: Error response from daemon: failed to create task for container: failed to create shim \
task: OCI runtime create failed: runc create failed: unable to start container process: unable to \
join session keyring: unable to create session key: operation not permitted: unknown.
"""

MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


@pytest.fixture(scope="session")
def waived() -> AppliedWaiver:
    """Why a failure is not held against an image."""
    expires = datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    return AppliedWaiver(reason="harmless", owner="ana", expires=expires, ticket="OPS-7")


@pytest.fixture(scope="session")
def make_check() -> MakeCheck:
    """Make a check by its id; passed unless told otherwise."""

    def make(check_id: str, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Check:
        level = Level.RECOMMENDED if check_id in RECOMMENDED else Level.REQUIRED
        seconds = 0.0 if outcome is Outcome.SKIPPED else 0.35
        words: dict[str, Any] = {
            "title": f"title of {check_id}",
            "level": level,
            "seconds": seconds,
        }
        group = check_id.partition(".")[0]
        return Check(**({"id": check_id, "group": group, "outcome": outcome} | words | fields))

    return make


@pytest.fixture(scope="session")
def make_result(make_check: MakeCheck) -> MakeResult:
    """Make a result; by default all checks passed and the image is certified native."""

    def make(
        reference: str = "localhost/debian-devspace:latest",
        *,
        checks: tuple[Check, ...] | None = None,
        status: Status = Status.CERTIFIED,
        grade: Grade | None = None,
        reasons: tuple[Reason, ...] = (),
        image: dict[str, Any] | None = None,
        startup: Startup | None = None,
        **fields: Any,
    ) -> Result:
        known = {
            "tag": "latest",
            "digest": DIGEST,
            "image_id": DIGEST,
            "platform": "linux/amd64",
            "size_bytes": 412_345_678,
            "layers": 3,
            "os": Os(id="debian", version_id="12", pretty_name="Debian GNU/Linux 12 (bookworm)"),
        }
        if status is Status.CERTIFIED:
            grade = grade or Grade.NATIVE
        parts: dict[str, Any] = {
            "image": Image(reference=reference, **(known if image is None else image)),
            "profile": "devspace",
            "verdict": Verdict(status=status, grade=grade, reasons=reasons),
            "checks": tuple(map(make_check, IDS)) if checks is None else checks,
            "startup": startup or Startup(boot_seconds=0.784, dockerd_seconds=0.91),
            "launch": Launch(kind="init", isolation="caps", reproduce=REPRODUCE),
            "host": Host(
                engine="docker",
                engine_version="20.10.24",
                kernel="6.1.0",
                cgroup_version="1",
                storage_driver="overlay2",
                architecture="amd64",
                cpus=2,
                memory_bytes=4_000_000_000,
            ),
            "suite": Suite(version="0.1.0", digest="sha256:5"),
            "started_at": NOON,
            "finished_at": NOON + timedelta(seconds=14.2),
            "expires_at": NOON + timedelta(days=30),
        }
        return Result(**(parts | fields))

    return make


@pytest.fixture(scope="session")
def native(make_result: MakeResult) -> Result:
    """Certified as shipped."""
    return make_result()


@pytest.fixture(scope="session")
def on_launch(make_check: MakeCheck, make_result: MakeResult) -> Result:
    """Certified after an installation at launch, with a recommended check that failed."""
    failed = make_check(
        "systemd.units",
        Outcome.FAILED,
        message="one unit failed: systemd-modules-load.service",
        evidence="$ systemctl --failed --no-legend\nsystemd-modules-load.service loaded failed",
        remedy="Mask the unit in the image: systemctl mask systemd-modules-load.service",
    )
    checks = tuple(failed if name == failed.id else make_check(name) for name in IDS)
    return make_result(
        "localhost/debian:trixie",
        checks=checks,
        grade=Grade.ON_LAUNCH,
        startup=Startup(boot_seconds=1.1, dockerd_seconds=1.3, provision_seconds=13.21),
    )


@pytest.fixture(scope="session")
def rejected(make_check: MakeCheck, make_result: MakeResult) -> Result:
    """Rejected by one check, which kept three others from being asked."""
    said = "dockerd answers, but no container can run in it"
    failed = make_check(
        "dockerd.container",
        Outcome.FAILED,
        message=said,
        evidence=EVIDENCE,
        remedy='Remove "seccomp-profile" from /etc/docker/daemon.json, and see that containerd and '
        "runc come from the same release as dockerd.",
    )
    follow = ("dockerd.network", "dockerd.compose", "dockerd.restart")
    because = "needs dockerd.container, which failed"

    def one(name: str) -> Check:
        if name == failed.id:
            return failed
        outcome = Outcome.SKIPPED if name in follow else Outcome.PASSED
        return make_check(name, outcome, message=because if name in follow else "")

    return make_result(
        "localhost/debian-broken-dockerd:latest",
        checks=tuple(map(one, IDS)),
        status=Status.REJECTED,
        reasons=(Reason(check=failed.id, text=said, remedy=failed.remedy),),
    )


@pytest.fixture(scope="session")
def unreachable(make_result: MakeResult) -> Result:
    """Inconclusive without a single check: the image could not be pulled."""
    return make_result(
        "registry.example.com/team/missing:1",
        checks=(),
        status=Status.INCONCLUSIVE,
        image={},
        reasons=(
            Reason(
                check=None,
                text="the registry says: toomanyrequests, pull rate limit reached",
                remedy="Log in with docker login, or wait an hour.",
            ),
        ),
        startup=Startup(),
        host=None,
        launch=Launch(kind="init", isolation="caps"),
    )


@pytest.fixture(scope="session")
def halting(make_check: MakeCheck, make_result: MakeResult) -> Result:
    """Inconclusive, since the network kept two checks from being answered."""
    unknown = {"packages.refresh", "packages.install"}

    def one(name: str) -> Check:
        if name not in unknown:
            return make_check(name)
        return make_check(
            name,
            Outcome.UNKNOWN,
            message="the network is in the way: Temporary failure resolving 'deb.debian.org'",
            evidence="\n".join(f"Err:{n} http://deb.debian.org/debian" for n in range(40)),
        )

    checks = tuple(map(one, IDS))
    reasons = tuple(
        Reason(check=check.id, text=check.message, remedy="See that containers reach the network.")
        for check in checks
        if check.id in unknown
    )
    return make_result(
        "localhost/debian:12", checks=checks, status=Status.INCONCLUSIVE, reasons=reasons
    )


@pytest.fixture(scope="session")
def one_of_each(
    native: Result, on_launch: Result, rejected: Result, unreachable: Result, halting: Result
) -> list[Result]:
    """A sweep with every kind of result."""
    return [native, on_launch, rejected, unreachable, halting]


SYSTEMS = (
    ("debian", "12", "Debian GNU/Linux 12 (bookworm)", "apt"),
    ("ubuntu", "24.04", "Ubuntu 24.04.1 LTS", "apt"),
    ("fedora", "43", "Fedora Linux 43 (Container Image)", "dnf"),
    ("alpine", "3.22.1", "Alpine Linux v3.22", "apk"),
)
TEAMS = ("platform", "data", "web", "games", "ml")
HOST = Host(
    engine="docker", engine_version="28.2.2", kernel="6.18.1", cgroup_version="2",
    storage_driver="overlay2", architecture="x86_64", cpus=8, memory_bytes=32 * 1024**3,
    calibration=Calibration(create_seconds=0.05, start_seconds=0.2, remove_seconds=0.06),
)  # fmt: skip


NOT_ASKED = ("services", "webdevops", "devcontainer")
"""The groups of checks that images of :func:`many` are not asked."""


def many(count: int, *, runs: int = 1) -> Iterator[Result]:
    """So many images under ``devspace``, each with so many results, a day apart, oldest first."""
    for number in range(count):
        for run in range(runs):
            yield result_of(number, NOON + timedelta(days=run))


def result_of(number: int, moment: datetime) -> Result:
    """One result; what it is depends on its number alone, how soon it was up on the day as well."""
    chance = random.Random(number)
    system = chance.choice(SYSTEMS)
    status = chance.choices(list(Status), weights=(6, 3, 1))[0]
    grade = chance.choice(list(Grade)) if status is Status.CERTIFIED else None
    broken = chance.choice([claim for claim in claims() if "." in claim and claim[0] != "w"])
    if broken.partition(".")[0] in NOT_ASKED:
        broken = "dockerd.container"
    checks = tuple(_checks(status, broken, chance))
    wrong = next((c for c in checks if c.outcome in (Outcome.FAILED, Outcome.UNKNOWN)), None)
    reasons = (Reason(check=wrong.id, text=wrong.message, remedy=wrong.remedy),) if wrong else ()
    boot = None if status is Status.INCONCLUSIVE else round(chance.uniform(0.5, 4), 3)
    if boot is not None:
        boot = round(boot * random.Random(f"{number} {moment}").uniform(0.9, 1.2), 3)
    digest = f"sha256:{chance.getrandbits(256):064x}"
    team, tag = chance.choice(TEAMS), f"{number % 7}.{number % 13}"
    name = f"registry.example/{team}/{system[0]}-{number:05}"
    return Result(
        image=Image(
            reference=f"{name}:{tag}",
            registry="registry.example",
            repository=name.partition("/")[2],
            tag=tag,
            digest=digest,
            manifest_digest=digest,
            image_id=f"sha256:{chance.getrandbits(256):064x}",
            platform=chance.choice(("linux/amd64", "linux/amd64", "linux/arm64")),
            size_bytes=chance.randrange(5_000_000, 900_000_000),
            layers=chance.randrange(1, 20),
            created="2026-02-20T10:00:00Z",
            os=Os(id=system[0], version_id=system[1], pretty_name=system[2]),
            package_manager=system[3],
            trust=chance.choice(list(Trust)),
        ),
        profile="devspace",
        verdict=Verdict(status=status, grade=grade, reasons=reasons),
        checks=checks,
        startup=Startup(
            boot_seconds=boot,
            dockerd_seconds=boot and round(boot + 0.2, 3),
            provision_seconds=round(chance.uniform(9, 60), 1) if grade is Grade.ON_LAUNCH else None,
            samples=() if boot is None else (boot, round(boot * 1.1, 3), round(boot * 0.9, 3)),
        ),
        launch=Launch(
            kind="init",
            isolation="caps",
            command=("/sbin/init",),
            reproduce=f"docker run -d --cap-add=SYS_ADMIN {name}:{tag} /sbin/init",
        ),
        host=HOST,
        suite=Suite(version="0.1.0", digest="sha256:" + "5" * 64),
        started_at=moment,
        finished_at=moment + timedelta(seconds=chance.uniform(5, 40)),
        expires_at=moment + timedelta(days=30),
    )


def _checks(status: Status, broken: str, chance: random.Random) -> Iterator[Check]:
    outcome = {Status.REJECTED: Outcome.FAILED, Status.INCONCLUSIVE: Outcome.UNKNOWN}.get(status)
    for claim in claims().values():
        if claim.group in NOT_ASKED:
            continue
        wrong = claim.id == broken and outcome is not None
        yield Check(
            id=claim.id,
            title=claim.title,
            group=claim.group,
            level=Level.REQUIRED if wrong else _level(claim.id),
            outcome=outcome if wrong and outcome else Outcome.PASSED,
            seconds=round(chance.uniform(0, 0.6), 3),
            message=f"not so: {claim.claim}" if wrong else "",
            evidence=f"$ systemctl status {claim.id}\nfailed" if wrong else "",
            remedy=claim.remedy if wrong else "",
        )


@cache
def _level(check_id: str) -> Level:
    """The level of a check: a profile sets it, so it is the same for all images."""
    return random.Random(check_id).choice(list(Level))


UNKNOWN_FAILURE = """\
$ DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tree  (exit 100, 0.3 s)
Reading package lists...
Building dependency tree...
Reading state information...
The following NEW packages will be installed:
  tree
0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Need to get 52.5 kB of archives.
After this operation, 116 kB of additional disk space will be used.
Get:1 http://deb.debian.org/debian bookworm/main amd64 tree amd64 2.1.0-1 [52.5 kB]
the frobnicator is full of gremlins
Fetched 52.5 kB in 0s (0 B/s)
E: Sub-process /usr/local/sbin/provenance returned an error code (7)
E: Failure running script /usr/local/sbin/provenance
$ tree --version  (exit 127, 0.0 s)
/bin/sh: 1: eval: tree: not found
$ DEBIAN_FRONTEND=noninteractive apt-get purge -y tree  (exit 0, 0.2 s)
Reading package lists...
Building dependency tree...
Reading state information...
Package 'tree' is not installed, so not removed
0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
$ command -v tree  (exit 127, 0.0 s)"""
"""Evidence of a package manager that a hook broke, as a real run recorded it."""
