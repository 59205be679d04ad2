"""Keys, results and lists for the tests of signing; all signatures are real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.result import Check, Image, Launch, Result, Startup, Suite, Verdict, Waived
from certify.model.terms import Grade, Level, Outcome, Status
from certify.signing.keys import Private, new_pair, read_private
from certify.util.text import safe_json

NOW = datetime.now(UTC).replace(microsecond=0)
REGISTRY, REPOSITORY = "registry.invalid", "team/app"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def a_result(*, checks: tuple[Check, ...] = (), **fields: Any) -> Result:
    """A certificate of ``registry.invalid/team/app:1``; digests may be given as numbers."""
    status = fields.pop("status", Status.CERTIFIED)
    image = {
        "reference": f"{REGISTRY}/{REPOSITORY}:1",
        "registry": REGISTRY,
        "repository": REPOSITORY,
        "tag": "1",
        "digest": digest(1),
        "manifest_digest": digest(2),
        "platform": "linux/amd64",
    } | fields.pop("image", {})
    known: dict[str, Any] = {
        "image": Image(**image),
        "profile": "plain",
        "verdict": Verdict(
            status=status, grade=Grade.NATIVE if status is Status.CERTIFIED else None
        ),
        "checks": checks,
        "startup": Startup(boot_seconds=0.8),
        "launch": Launch(kind="idle", isolation="caps"),
        "host": None,
        "suite": Suite(version="1", digest=digest(9)),
        "started_at": NOW - timedelta(seconds=9),
        "finished_at": NOW,
        "expires_at": NOW + timedelta(days=30),
    }
    return Result(**(known | fields))


def a_check(name: str, outcome: Outcome, level: Level = Level.REQUIRED, **more: Any) -> Check:
    return Check(id=name, title=name, group="x", level=level, outcome=outcome, seconds=0, **more)


def a_waiver() -> Waived:
    return Waived(reason="known", owner="ana", expires=NOW + timedelta(days=1))


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


MakePair = Callable[..., tuple[Path, Path]]


@pytest.fixture(scope="session")
def make_pair(tmp_path_factory: pytest.TempPathFactory) -> MakePair:
    """Makes a pair of keys; the paths of the private and of the public one."""

    def make(kind: Any = "ecdsa", passphrase: bytes | None = None) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("keys")
        private, public = folder / "a.key", folder / "a.pub"
        for path, pem in zip((private, public), new_pair(kind, passphrase), strict=True):
            path.write_bytes(pem)
        return private, public

    return make


@pytest.fixture(scope="session", params=["ecdsa", "ed25519"])
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> tuple[Path, Path]:
    """A pair of each kind, unencrypted."""
    return make_pair(request.param)


def private_key(path: Path) -> Private:
    return read_private(path, lambda: b"")
