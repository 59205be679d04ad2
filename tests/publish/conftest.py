"""Results as real runs give them: one of each verdict, with texts of realistic length."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certify.model.result import (
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
    Waived,
)
from certify.model.terms import Grade, Level, Outcome, Status

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
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
    " --security-opt seccomp=/root/.cache/certify/seccomp.json --security-opt apparmor=unconfined"
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
def waived() -> Waived:
    """Why a failure is not held against an image."""
    expires = datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    return Waived(reason="harmless", owner="ana", expires=expires, ticket="OPS-7")


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
