"""``certify fix`` on a real engine: fixes are built and certified, the rest is reported."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.fix.build import build, facts_of
from certify.ledger.store import Ledger
from certify.model.result import Result
from certify.model.terms import Grade, Outcome, Status
from tests.conftest import SAMPLES, Certify, certify_in
from tests.stories.sabotage.workshop import LACKS, Sabotage, asked_for, at_work, sabotages
from tests.stories.sabotage.workshop import build as sabotaged
from tests.support.images import Tag
from tests.support.profiles import mine

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

DEBIAN = f"{SAMPLES}/debian"
FIXED = "certify-test-fixed"


def derived(engine: Engine, tag: str, *lines: str, base: str = DEBIAN) -> str:
    build(engine, "\n".join((f"FROM {base}", *lines)), tag)
    return tag


@pytest.mark.slow  # it installs an init, dockerd and git three times
def test_an_on_launch_image_becomes_native(
    certify: Certify, tag: Tag, tmp_path: Path, engine: Engine
) -> None:
    target = tag("native")
    ended = certify("fix", DEBIAN, "--build", target)
    assert ended.code == 0, ended.err
    dockerfile, _, table = ended.out.partition("\n\n  ")
    assert f"ARG BASE={engine.client.images.get(DEBIAN).id}\nFROM ${{BASE}}\n" in dockerfile
    for check in ("systemd.installed", "dockerd.installed", "dockerd.compose", "workspace.git"):
        assert f"# {check}: The image does not ship" in dockerfile
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line[:1].strip()}
    assert rows["verdict"] == ["certified", "certified"]
    assert rows["grade"] == ["on-launch", "native"]
    assert rows["failed"][-1] == "none"
    assert max(map(len, table.splitlines())) <= 80
    assert target in (tmp_path / "reports" / "matrix.md").read_text("utf-8"), "it is recorded"

    again = certify("fix", target)
    assert (again.code, again.out) == (0, "")
    assert "nothing to fix" in again.err
    assert "launching" not in again.err, "the ledger knew"
    fields = certify("fix", target, "--format", "json").json()
    assert (fields["schema"], fields["dockerfile"]) == ("certify/fix/v1", None)
    assert fields["before"]["verdict"]["grade"] == "native"

    told = certify("run", DEBIAN, "--format", "json").result.recommendation
    assert told is not None
    assert [each.reference for each in told.closest] == [target]
    assert told.extends is None


UNITS = """\
launch = "init"
required = ["image.os", "systemd.pid1", "systemd.state"]
recommended = ["systemd.units"]
[budgets]
boot = 60"""


def test_masking_a_failing_unit_is_only_offered(certify: Certify, tmp_path: Path) -> None:
    ended = certify("fix", "--profile", mine(tmp_path, UNITS), f"{SAMPLES}/debian-degraded")
    assert ended.code == 0
    assert "\n# RUN systemctl mask inventory.service\n" in ended.out
    assert "\nRUN" not in ended.out
    assert "not fixed: systemd.units" in ended.err


@pytest.mark.parametrize(
    ("base", "lines", "check"),
    [
        (f"{SAMPLES}/busybox", (), "packages.manager"),
        (f"{SAMPLES}/scratch", (), "image.os"),
        (DEBIAN, ("RUN rm -rf /etc/apt/sources.list*",), "packages.refresh"),
    ],
)
def test_what_cannot_be_fixed_is_reported(
    certify: Certify, engine: Engine, tag: Tag, base: str, lines: tuple[str, ...], check: str
) -> None:
    image = derived(engine, tag("broken"), *lines, base=base) if lines else base
    target = tag("never")
    ended = certify("fix", "--profile", "plain", image, "--build", target)
    assert ended.code == 1
    assert f"# - {check} (required): " in ended.out
    assert f"not fixed: {check} (required): " in ended.err
    assert "\nRUN" not in ended.out
    assert not engine.client.images.list(target), "there was nothing to build"
    as_json = certify("fix", "--profile", "plain", image, "--format", "json")
    assert as_json.code == 1
    assert as_json.json()["dockerfile"] == ended.out
    assert check in [each["check"] for each in as_json.json()["unfixed"] if each["required"]]
    assert (as_json.json()["complete"], as_json.json()["after"]) == (False, None)


# As dpkg leaves it when it is killed: a record that is not yet merged into its database.
INTERRUPT = (
    "RUN sed -n '/^Package: hostname$/,/^$/p' /var/lib/dpkg/status"
    " | sed 's/install ok installed/install ok unpacked/' >/var/lib/dpkg/updates/0001"
)


def test_a_rejected_image_is_fixed_keeps_its_user_and_loses_its_triggers(
    certify: Certify, engine: Engine, tag: Tag, tmp_path: Path
) -> None:
    onbuild = "ONBUILD COPY requirements.txt /app/"
    image = derived(engine, tag("interrupted"), INTERRUPT, "USER nobody", onbuild)
    before = engine.client.images.get(image).id
    target, file = tag("completed"), tmp_path / "Dockerfile"
    ended = certify("fix", "--profile", "plain", image, "--build", target, "--output", str(file))
    assert ended.code == 0, ended.err
    assert "RUN DEBIAN_FRONTEND=noninteractive dpkg --configure -a\n" in file.read_text("utf-8")
    assert "FROM" not in ended.out
    assert ended.out.split("verdict", 1)[1].split()[:2] == ["rejected", "certified"]
    assert facts_of(engine, target).user == "nobody"
    assert "# - COPY requirements.txt /app/" in file.read_text("utf-8")
    assert "without its ONBUILD instructions" in ended.err
    assert engine.client.images.get(image).id == before


FIXABLE = {each.name: each for each in sabotages() if each.mended}


@pytest.fixture(scope="module")
def fixed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> Iterator[dict[str, Future[Result]]]:
    """The results of this run's sabotages after their fix."""

    def fix(sabotage: Sabotage) -> Result:
        with Engine.connect() as own:
            image = sabotaged(own, sabotage)
        folder = tmp_path_factory.mktemp(sabotage.name)
        budgets = "".join(f"{name} = {value}\n" for name, value in sabotage.budgets.items())
        profile = mine(folder, f'extends = "{sabotage.profile}"\n[budgets]\n{budgets}')
        target = f"{FIXED}/{sabotage.name}:1"
        ended = certify_in(folder)("fix", "--profile", profile, image, "--build", target)
        assert ended.code == 0, ended.err
        with Ledger.open(str(folder / "reports" / "certify.db")) as ledger:
            (after,) = ledger.history(target)
        return after

    try:
        asked = asked_for(request.session, "test_a_promised_fix_works", sabotages())
        with at_work(fix, asked) as futures:
            yield futures
    finally:
        for each in engine.client.images.list(f"{FIXED}/*"):
            engine.client.images.remove(each.tags[0], force=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXABLE)
def test_a_promised_fix_works(name: str, fixed: dict[str, Future[Result]]) -> None:
    after = fixed[name].result()
    assert (after.verdict.status, after.verdict.grade) == (Status.CERTIFIED, Grade.NATIVE)
    outcomes = {each.id: each.outcome for each in after.checks}
    assert outcomes[FIXABLE[name].check] is Outcome.PASSED
    # Checks that could not run before the fix may fail, as for the sample itself.
    lacks = {check for check, outcome in outcomes.items() if outcome is not Outcome.PASSED}
    assert lacks <= LACKS.get(FIXABLE[name].base, set())


def test_an_inconclusive_result_is_not_fixed(certify: Certify) -> None:
    ended = certify("run", "--profile", "plain", "--timeout", "1", DEBIAN)
    assert ended.code == 3
    ended = certify("fix", "--profile", "plain", DEBIAN)
    assert (ended.code, ended.out) == (3, "")
    assert "inconclusive" in ended.err


def test_an_image_that_cannot_be_had_is_no_fault_of_its_own(certify: Certify) -> None:
    ended = certify("fix", "registry.invalid/team/app:1")
    assert (ended.code, ended.out) == (3, "")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        (DEBIAN, "--build", DEBIAN),
        (DEBIAN, "--build", "UPPER:case"),
        (DEBIAN, "--build", "sha256:" + "1" * 64),
        (DEBIAN, "--build", "x@sha256:" + "1" * 64),
        (DEBIAN, "--profile", "no-such-profile"),
        ("Debian:12",),
        (),
    ],
)
def test_wrong_usage(certify: Certify, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = certify("fix", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert not (tmp_path / "reports").exists(), "nothing was run"
