"""The image's package manager, with its own sources: packages can be installed unattended."""

import re

import pytest
from testinfra.backend.base import CommandResult

from certify.suite import (
    Candidate,
    Note,
    PackageCommands,
    Trial,
    check,
    not_applicable,
    proven,
    unknown,
)

INSTALL_SECONDS = PackageCommands.SECONDS
KILLED = 137
"""The exit code of a command that was ended since its time was over."""


@pytest.fixture(scope="module")
def manager(candidate: Candidate) -> PackageCommands:
    """Run the commands of the image's package manager."""
    return PackageCommands(candidate)


@pytest.fixture(scope="module")
def audit(candidate: Candidate) -> CommandResult:
    """Audit the package database as shipped, before anything is installed."""
    family = candidate.package_manager
    assert family is not None
    empty = f"{family.installed} | grep -q . || echo It names no installed package."
    return candidate.run(f"{family.audit} && {{ {empty}; }}", timeout=120)


@pytest.fixture(scope="module")
def upgrades(candidate: Candidate, manager: PackageCommands) -> CommandResult | None:
    """Simulate an upgrade of all packages; None if the package manager cannot."""
    family = candidate.package_manager
    assert family is not None
    return manager.ask("upgradable", seconds=120) if family.upgradable else None


@pytest.fixture(scope="module")
def trial(candidate: Candidate, manager: PackageCommands, audit: CommandResult) -> Trial:
    """Install a package and run its command; the audit must come before that."""
    return manager.install_one()


@check(
    "packages.manager",
    title="package manager",
    needs=("image.shell",),
    remedy="Build FROM a base image of a distribution that has one: apt, apk, apt-rpm, dnf, "
    "microdnf, yum, zypper or pacman.",
)
def test_manager(candidate: Candidate, note: Note) -> None:
    """The image has a package manager.

    Why: people install what they need, and the platform installs what the image lacks.

    How: looks for the programs of the families that certify knows.
    """
    manager = candidate.package_manager
    assert manager is not None, (
        f"no package manager: none of {', '.join(candidate.known_package_managers)} is in the image"
    )
    candidate.record("package_manager", manager.name)
    note(manager.name)


def refresh_failure(refresh: CommandResult, program: str) -> str:
    """Return the problem of a refresh; empty if there is none. An old apt exits with 0 anyway."""
    if refresh.rc != 0:
        return f"{program} could not fetch its package lists"
    for line in (refresh.stdout + refresh.stderr).splitlines():
        if re.match(r"(W|E): (Failed to fetch|Some index files failed)", line):
            return f"a package source failed: {line[3:]}"
    return ""


def skipped_repositories(output: str, pattern: str) -> set[str]:
    """Return the names of repositories that a refresh could not load, but went on without."""
    found = re.findall(pattern, output, re.MULTILINE) if pattern else []
    names = (name for each in found for name in (each if isinstance(each, tuple) else (each,)))
    return {part.strip() for name in names for part in name.split(",") if part.strip()}


@check(
    "packages.refresh",
    title="package lists",
    needs=("packages.manager",),
    remedy="Correct the image's package sources: an end-of-life release has moved to an archive, "
    "and a private mirror must be reachable from where the image runs.",
)
def test_refresh(candidate: Candidate, manager: PackageCommands, note: Note) -> None:
    """The package lists can be fetched from the image's own sources.

    Why: with sources that are gone or broken, nothing can be installed.

    How: runs the package manager's refresh, unattended, and accepts no failed source. If the
    network fails, certify's own container tries the same servers on the same network: this tells
    a host without a network from an image that names a dead server.
    """
    family = candidate.package_manager
    assert family is not None
    program = family.refresh.split()[0]
    answer = manager.change("refresh")
    if refresh_failure(answer, program):  # apt fetches as a user of its own
        candidate.fail_if_closed(reported_by="workspace.user")
    if refresh_failure(answer, program) and candidate.prove_bad_sources(
        answer.stdout + answer.stderr
    ):
        # A network may hiccup, for the image or for the control: both must fail it twice.
        answer = candidate.run(family.refresh, timeout=INSTALL_SECONDS)
        failure = refresh_failure(answer, program)
        if failure and (proof := candidate.prove_bad_sources(answer.stdout + answer.stderr)):
            setting, remedy = candidate.setting_behind(answer.stdout + answer.stderr)
            reasons = "; ".join(filter(None, (setting, proof)))
            proven(f"{failure}: {reasons}", remedy=remedy)
    failure = refresh_failure(answer, program)
    if answer.rc == KILLED:
        candidate.require_servers(answer.stdout + answer.stderr, INSTALL_SECONDS)
    if failure and "://" not in answer.stdout + answer.stderr:  # it came to no server

        def works(env: str) -> bool:
            again = candidate.run(f"{env} sh -c %s", family.refresh, timeout=INSTALL_SECONDS)
            return not refresh_failure(again, program)

        candidate.fail_if_by_variable(failure, works)
    assert not failure, manager.failed(failure)
    skipped = skipped_repositories(answer.stdout + answer.stderr, family.skipped)
    if family.sources:
        listed = manager.ask("sources")
        if listed.rc == 0 and not listed.stdout.strip():
            manager.fail_if_by_settings("no package list was fetched")
            raise AssertionError("the image names no package source at all")
        if skipped and len(listed.stdout.split()) <= len(skipped):  # their names, or their ids
            if proof := candidate.prove_bad_sources(answer.stdout + answer.stderr):
                setting, remedy = candidate.setting_behind(answer.stdout + answer.stderr)
                reasons = "; ".join(filter(None, (setting, proof)))
                proven(f"no repository could be loaded: {reasons}", remedy=remedy)
            raise AssertionError("no repository could be loaded")
    missing = f"could not be loaded, and may be missing: {', '.join(sorted(skipped))}"
    note("; ".join(filter(None, (missing if skipped else "", manager.waited))))


@check(
    "packages.install",
    title="install",
    needs=("packages.refresh",),
    remedy="Repair the package database with its own tool (dpkg --configure -a, rpm --rebuilddb, "
    "pacman -Dk, apk fix), and leave no lock and no read-only system folder in the image.",
)
def test_install(candidate: Candidate, manager: PackageCommands, trial: Trial, note: Note) -> None:
    """A package can be installed without a question, and works.

    Why: an image whose package database is broken, locked or read-only looks well until
    the first person needs a tool.

    How: installs a small package that the image lacks, and runs its command. The engine, whom the
    image cannot make say anything, must see the command among the files that came.
    """
    problem = manager.failed(f"{trial.package} could not be installed")
    if trial.installed.rc == KILLED:
        candidate.require_servers(trial.installed.stdout + trial.installed.stderr, INSTALL_SECONDS)
    assert trial.installed.rc in trial.success, problem
    if trial.ran.rc != 0:
        manager.fail_if_by_settings(f"{trial.package} was installed, but does not run")
        raise AssertionError(f"{trial.package} was installed, but does not run")
    if not trial.witnessed:
        unknown(
            f"{trial.program} runs, but the engine sees no such file: the image imitates an "
            "installation, or keeps its programs where the engine cannot look"
        )
    failed = f"; {' and '.join(trial.failed)} could not be" if trial.failed else ""
    note(f"{trial.package} installed and run{failed}")


@check(
    "packages.database",
    title="package database",
    needs=("packages.install",),
    remedy="Install again what is named (apt-get install --reinstall, dnf reinstall, pacman -S, "
    "apk fix), and remove no files of the package database to make the image smaller.",
)
def test_database(candidate: Candidate, audit: CommandResult) -> None:
    """The package database is consistent as shipped.

    Why: an upgrade stumbles, long afterwards, over a package that is half there or whose
    dependencies are gone.

    How: by the manager's own audit, before anything is installed: dpkg --audit, rpm --verify
    (dependencies only, as images drop documents), pacman -D --check, a simulated apk add. A
    database without a package is none.
    """
    assert candidate.package_manager is not None
    program = candidate.package_manager.audit.split()[0]
    if audit.rc == 127:
        not_applicable(f"{program} is not in the image")
    said = audit.stdout.strip() or audit.stderr.strip()
    consistent = audit.rc == 0 and not audit.stdout.strip()
    assert consistent, f"the package database is not consistent\n{said}"


@check(
    "packages.downgrade",
    title="no downgrade",
    needs=("packages.install",),
    remedy="Add the source of the newer versions to the image, or remove the pin that prefers "
    "older ones, and install the versions that the sources have.",
)
def test_downgrade(
    candidate: Candidate, trial: Trial, upgrades: CommandResult | None, note: Note
) -> None:
    """No installation or upgrade replaces a package by an older version.

    Why: what was tested with one version runs with another after the first upgrade, perhaps with
    security holes that were closed.

    How: reads what the package manager announced when it installed a small package, and in a
    simulated upgrade.
    """
    assert candidate.package_manager is not None
    said = "\n".join(
        each.stdout + each.stderr for each in (trial.installed, upgrades) if each is not None
    )
    older = re.search(candidate.package_manager.downgrade, said, re.MULTILINE)
    assert not older, f"packages get older versions\n{said[older.start() :][:500]}"
    note("only newer versions")


@check(
    "packages.remove",
    title="remove",
    needs=("packages.install",),
    remedy="Repair the package database, so that what is installed can be removed.",
)
def test_remove(candidate: Candidate, manager: PackageCommands, trial: Trial) -> None:
    """An installed package can be removed again.

    Why: a package database that only grows is broken.

    How: removes the package that the check before installed; its command is gone.
    """
    removed = manager.change("remove", trial.package)
    assert removed.rc in trial.success, manager.failed(f"{trial.package} could not be removed")
    assert not candidate.has(trial.program), f"{trial.package} was removed, but not its command"


@check(
    "packages.current",
    title="up to date",
    needs=("packages.install",),
    remedy="Rebuild the image on a newer base, or upgrade its packages in the Dockerfile.",
)
def test_current(candidate: Candidate, upgrades: CommandResult | None, note: Note) -> None:
    """No newer version of an installed package waits in the image's own sources.

    Why: pending upgrades are mostly security fixes, and each workspace would fetch them anew.

    How: asks the package manager, by a simulated upgrade, what it would replace.
    """
    manager = candidate.package_manager
    assert manager is not None
    if upgrades is None:
        not_applicable(f"{manager.name} cannot list pending upgrades")
    answer = upgrades
    if answer.rc == KILLED:
        unknown("the package manager was killed, or did not answer in time")
    said = answer.stdout + answer.stderr
    if re.search(manager.downgrade, said, re.MULTILINE):
        candidate.defer_to("packages.downgrade", "needs packages.downgrade, which failed")
    broken = re.search(r"^(error|warning: database file)", said, re.MULTILINE)
    if answer.rc not in manager.upgradable_codes or (answer.rc and broken):
        unknown(f"{manager.name} could not list pending upgrades: exit code {answer.rc}")
    pending = [line for line in answer.stdout.splitlines()
               if re.search(manager.upgradable_line, line)]  # fmt: skip
    if answer.rc in manager.pending_codes and not pending:
        pending = [f"{manager.name} says so, by its exit code {answer.rc}"]
    held = re.search(manager.held, said) if manager.held else None
    kept = f", held back: {' '.join(held[1].split())[:200]}" if held else ""
    listed = "\n".join(pending[:10])
    assert not pending, f"{len(pending)} packages have newer versions{kept}\n{listed}"
    note("nothing to upgrade")
