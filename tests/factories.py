"""As many results as one likes, varied as a registry's are, the same for the same number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from certify.model.result import (
    Calibration,
    Check,
    Host,
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

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
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
        if claim.group in ("services", "webdevops", "gitpod", "coder", "devcontainer"):
            continue
        wrong = claim.id == broken and outcome is not None
        yield Check(
            id=claim.id,
            title=claim.title,
            group=claim.group,
            level=Level.REQUIRED if wrong else chance.choice(list(Level)),
            outcome=outcome if wrong and outcome else Outcome.PASSED,
            seconds=round(chance.uniform(0, 0.6), 3),
            message=f"not so: {claim.claim}" if wrong else "",
            evidence=f"$ systemctl status {claim.id}\nfailed" if wrong else "",
            remedy=claim.remedy if wrong else "",
        )
