"""``certify fix IMAGE``: a Dockerfile that mends an image; with ``--build`` also the proof.

Exit codes: 0 nothing to fix, or the Dockerfile should make it native; 1 a required check stays
unmended, or the Dockerfile does not build; 2 wrong usage; 3 the last result is inconclusive, or
the engine, network or registry was in the way. With ``--build`` the code is that of the result.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from certify.certification.certify import Options, certify
from certify.cli.certification import certification, certification_options
from certify.cli.exits import CERTIFIED, INCONCLUSIVE, REJECTED
from certify.cli.options import open_ledger, reports_options
from certify.cli.progress import Progress
from certify.cli.run import exit_code
from certify.engine.client import Engine
from certify.fix.build import BuildFailed, build, user_of
from certify.fix.comparison import print_comparison
from certify.fix.proposal import Proposal, propose
from certify.judge.profile import Profile
from certify.ledger.store import Ledger
from certify.model.errors import LedgerUnavailable, BadReference, UsageError
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.writer import write_reports
from certify.util.files import write_atomically
from certify.util.signals import interruptible
from certify.util.text import one_line, printable


@click.command(name="fix")
@click.argument("image")
@click.option("--build", "tag", metavar="TAG", help="Build it under this tag, and certify that.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the Dockerfile here instead of to standard output.",
)  # fmt: skip
@certification_options
@reports_options
def fix_command(
    *,
    image: str,
    tag: str | None,
    output: Path | None,
    reports: Path,
    ledger: str | None,
    **chosen: Any,
) -> None:
    """Print a Dockerfile that makes a rejected or on-launch image native.

    It is made from the last result of the image; without one, the image is certified first.

    \b
    Examples:
      certify fix debian:12 >Dockerfile
      certify fix debian:12 --build debian:12-devspace
    """
    reference = Reference.parse(image)
    target = _target(tag, reference)
    profiles, options = certification(**chosen)
    if len(profiles) != 1:
        raise UsageError("--profile: an image is fixed for one profile at a time.")
    (profile,) = profiles
    with open_ledger(ledger, reports) as store, interruptible(), Engine.connect() as engine:
        found = engine.resolve(reference, platform=options.platform, pull=options.pull)
        before = store.result_in_force(found, profile.name, datetime.now(UTC))
        if before is None:
            before = _certify(engine, store, reference, profile, options, reports)
        # It may have been certified under another name; the Dockerfile names it as it was asked.
        seen = {"os": before.image.os, "package_manager": before.image.package_manager}
        before = before.model_copy(update={"image": found.model_copy(update=seen)})
        if before.verdict.status is Status.INCONCLUSIVE:
            reasons = "; ".join(one_line(reason.text) for reason in before.verdict.reasons)
            _say(f"the last result is inconclusive, so nobody knows what to fix: {reasons}")
            _say(f"certify it again: certify {reference.familiar}")
            sys.exit(INCONCLUSIVE)
        proposed = propose(before, user=user_of(engine, found.image_id or reference.familiar))
        if not proposed.steps and before.verdict.status is Status.CERTIFIED:
            _say("nothing to fix: nothing had to be installed at launch, and no check failed")
            sys.exit(CERTIFIED)
        _give(proposed, output)
        if target is None or not proposed.fixes_any:
            sys.exit(CERTIFIED if proposed.complete else REJECTED)
        _build(engine, proposed, target, options)
        local = replace(options, pull="never")
        after = _certify(engine, store, target, profile, local, reports)
    if output is None:
        click.echo()
    print_comparison(before, after, Console())
    sys.exit(exit_code([after]))


def _target(tag: str | None, reference: Reference) -> Reference | None:
    """The name for what is built. Raises :class:`UsageError` for what is no name to give."""
    if tag is None:
        return None
    target = Reference.parse(tag)
    if target.tag is None or target.digest is not None:
        raise BadReference(f"--build {tag}: not a name and tag that an image can be given")
    if target == reference:
        raise UsageError(
            f"--build {tag}: that is the image itself.",
            remedy="Give what is built another tag, so that both can be compared.",
        )
    return target


def _certify(
    engine: Engine,
    store: Ledger,
    reference: Reference,
    profile: Profile,
    options: Options,
    reports: Path,
) -> Result:
    """Certify and record, as ``certify run`` does."""
    with Progress(reference.familiar, profile.name) as shown:
        (result,) = certify(engine, reference, [profile], options, shown)
    try:
        try:
            store.record(result)
        finally:
            write_reports(reports, [result], store)
    except LedgerUnavailable as error:  # a full disk must not cost the result
        _say(f"not recorded: {error.message}")
    return result


def _give(proposed: Proposal, output: Path | None) -> None:
    """The Dockerfile, and on standard error what it leaves as it is."""
    for reason, checks in proposed.unfixed.items():
        _say(f"not fixed: {', '.join(checks)}: {one_line(reason, 600)}")
    if output is None:
        sys.stdout.write(proposed.text)
        return
    try:
        write_atomically(output, proposed.text)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error


def _build(engine: Engine, proposed: Proposal, target: Reference, options: Options) -> None:
    """Build it under its tag; a Dockerfile that does not build ends here, with exit 1."""
    try:
        build(
            engine,
            proposed.text,
            target.familiar,
            platform=options.platform,
            network=options.network,
            step=_say,
        )
    except BuildFailed as error:
        _say("the Dockerfile could not be built, so the image stays as it is:")
        click.echo(printable(str(error)), err=True)
        sys.exit(REJECTED)


def _say(what: str) -> None:
    click.echo(f"certify: {what}", err=True)
