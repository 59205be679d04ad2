"""The samples' verdicts on another engine, held against the expected ones.

``DOCKER_HOST=... python -m tests.stories.elsewhere [--keep ENGINE] [SAMPLE...]`` prints a table in
Markdown, and exits with 1 if a verdict is wrong. Slowness may leave a verdict open, but turn none
around. With ``--keep``, so may the host and the launch, if every reason names one of them; what
was right is kept in ``engines.json`` for the table of engines. Images must be there;
``scripts/cgroup2`` and ``scripts/engines`` see to that, and to such an engine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

import click

from certify.model.host import Host
from certify.model.result import Report, Result
from certify.model.terms import Level, Outcome, Status
from tests.conftest import SAMPLES, command
from tests.stories.engines import keep
from tests.stories.expected import EXPECTED, Expected, failed

REPORTS = ".cache/cgroup2-reports"
PATIENCE = 7200
"""Seconds for one launch and its checks."""
SLOW = "the host is slow"
OF_ENGINE = re.compile(r"\((the host|the launch)'s fault\)")


def left_open(result: Result) -> set[str]:
    """The checks that could not be answered because the host is slow."""
    return {
        check.id
        for check in result.checks
        if check.outcome is Outcome.UNKNOWN and SLOW in check.message
    }


def left_open_by_engine(result: Result) -> bool:
    """Return True if a verdict is open, and every reason names the engine's host or the launch."""
    reasons = result.verdict.reasons
    return result.verdict.status is Status.INCONCLUSIVE and all(
        OF_ENGINE.search(each.text) for each in reasons
    )


def deviations(expected: Expected, result: Result, *, by_engine: bool = False) -> list[str]:
    """What slowness does not explain in a result that is not as expected.

    With ``by_engine``, the engine's host or the launch may explain that it is open.
    """
    if by_engine and left_open_by_engine(result):
        failures = failed(result, *Level) - expected.required - expected.others
        return [f"{each} failed" for each in sorted(failures)]
    unknown = {check.id for check in result.checks if check.outcome is Outcome.UNKNOWN}
    skipped = {check.id for check in result.checks if check.outcome is Outcome.SKIPPED}
    slow = left_open(result)
    found = []
    verdict = (result.verdict.status, result.verdict.grade)
    if verdict != (expected.status, expected.grade) and not (
        result.verdict.status is Status.INCONCLUSIVE and slow
    ):
        found.append(f"not {expected.status} {expected.grade or ''}".rstrip())
    for levels, wanted in (
        ((Level.REQUIRED,), expected.required),
        ((Level.RECOMMENDED, Level.INFO), expected.others),
    ):
        failures = failed(result, *levels)
        found += [f"{each} failed" for each in sorted(failures - wanted)]
        unseen = wanted - failures - slow - (skipped if slow else set())
        found += [f"{each} did not fail" for each in sorted(unseen)]
    found += [f"{each} unknown" for each in sorted(unknown - slow)]
    return found


def certified(sample: str, profiles: list[str]) -> tuple[list[Result], float]:
    """The results of one sample, in the order of the profiles, and the seconds that it took."""
    begun = time.monotonic()
    named = [word for profile in profiles for word in ("--profile", profile)]
    ended = subprocess.run(
        command(
            "run", "--pull", "never", "--format", "json", "--reports", REPORTS,
            "--timeout", str(PATIENCE), *named, f"{SAMPLES}/{sample}",
        ),
        stdout=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    return list(Report.model_validate_json(ended.stdout).results), time.monotonic() - begun


def row(expected: Expected, result: Result, wrong: list[str]) -> str:
    """One line of the table."""
    startup, host = result.startup, result.host
    calibration = host.calibration if host else None
    seconds = (
        startup.provision_seconds,
        startup.boot_seconds,
        startup.dockerd_seconds,
        calibration.total_seconds if calibration else None,
    )
    verdict = f"{result.verdict.status} {result.verdict.grade or ''}".rstrip()
    cells = (
        expected.sample,
        expected.profile,
        verdict,
        ", ".join(sorted(left_open(result))) or "–",
        *("–" if each is None else f"{each:.1f} s" for each in seconds),
        "**wrong**: " + "; ".join(wrong) if wrong else "right",
    )
    return f"| {' | '.join(cells)} |"


HEAD = """
| sample | profile | verdict | left open by slowness | installed | boot | dockerd | probe | is |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def described(host: Host) -> str:
    """The engine's host in one line."""
    return (
        f"{host.engine.capitalize()} {host.engine_version}, kernel {host.kernel}, "
        f"cgroup v{host.cgroup_version}, {host.storage_driver}, {host.cpus} CPUs, "
        f"{host.memory_bytes / 2**30:.1f} GiB"
    )


@click.command()
@click.argument("samples", nargs=-1)
@click.option("--keep", "engine", help="Keep the verdicts for the table of engines.")
def main(samples: tuple[str, ...], engine: str | None) -> None:
    """Certify samples, or all, under every profile that something is expected of them under."""
    known = dict.fromkeys(each.sample for each in EXPECTED)
    if strangers := [each for each in samples if each not in known]:
        raise SystemExit(f"nothing is expected of {', '.join(strangers)}")
    wrong = 0
    host, lines = "", [HEAD]
    for sample in samples or known:
        rows = [each for each in EXPECTED if each.sample == sample]
        results, seconds = certified(sample, [each.profile for each in rows])
        for expected, result in zip(rows, results, strict=True):
            found = deviations(expected, result, by_engine=engine is not None)
            wrong += bool(found)
            lines.append(row(expected, result, found))
            host = described(result.host) if result.host else host
            click.echo(lines[-1], err=True)
            if engine and not found:
                keep(engine, expected, result)
        click.echo(f"{sample}: {seconds:.0f} s", err=True)
    click.echo("\n".join([host, *lines]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
