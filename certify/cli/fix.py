"""``certify fix IMAGE``: a Dockerfile that fixes an image, and with ``--build`` also the proof.

Exit codes: 0 nothing to fix, or the Dockerfile should make it native; 1 it leaves a required check
failed, or does not build; 2 wrong usage; 3 the last result is inconclusive, or the engine, network
or registry caused trouble. With ``--build`` the code is that of the new result.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from certify.certification.certify import Certification
from certify.certification.engines import address_for
from certify.certification.options import Options
from certify.cli.certification import resolve
from certify.cli.certification_options import CertificationOptions, certification_options
from certify.cli.completion import completes, recorded_images
from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE, REJECTED, exit_code
from certify.cli.output import format_option, inform, print_json
from certify.cli.progress import RunProgress
from certify.cli.results import report_errors
from certify.cli.storage import Storage, storage_options
from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.own_network import shared_network
from certify.fix.build import BuildFailed, build, facts_of, without_triggers
from certify.fix.proposal import Proposal, propose
from certify.judge.profile import Profile
from certify.model.errors import BadReference, UsageError
from certify.model.platform import ALL
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.comparison import print_comparison
from certify.publish.json_report import result_json
from certify.publish.recorder import Recorder
from certify.util.files import write_atomically
from certify.util.signals import interruptible
from certify.util.text import one_line, printable

SCHEMA = "certify/fix/v1"


@dataclass(frozen=True)
class _Fixer:
    """The steps of the command, for one profile."""

    engine: Engine
    recorder: Recorder
    profile: Profile
    options: Options

    def last_result(self, reference: Reference) -> Result:
        """Return the result in force; certify the image if there is none."""
        found = self.engine.resolve(
            reference, platform=self.options.platform, pull=self.options.pull
        )
        result = self.recorder.ledger.result_in_force(found, self.profile.name, datetime.now(UTC))
        if result is None:
            result = self._certify(reference, self.options)
        # It may be recorded under another name; the Dockerfile uses the name that was given.
        known = {"os": result.image.os, "package_manager": result.image.package_manager}
        return result.model_copy(update={"image": found.model_copy(update=known)})

    def propose(self, reference: Reference, before: Result) -> Proposal | None:
        """Return the fix, or None if there is nothing to fix or nobody knows what."""
        status = before.verdict.status
        if status is Status.INCONCLUSIVE:
            reasons = "; ".join(one_line(reason.text) for reason in before.verdict.reasons)
            inform(f"the last result is inconclusive, so it is not known what to fix: {reasons}")
            inform(f"certify it again: certify {reference.familiar}")
            return None
        image = before.image.image_id or reference.familiar
        proposal = propose(before, facts_of(self.engine, image))
        if not proposal.steps and status is Status.CERTIFIED:
            inform("nothing to fix: nothing had to be installed at launch, and no check failed")
            return None
        for reason, checks in proposal.unfixed.items():
            inform(f"not fixed: {', '.join(checks)}: {one_line(reason, 600)}")
        return proposal

    def build(self, before: Result, proposal: Proposal, target: Reference) -> Result | None:
        """Build and certify the fixed image; return None if it does not build."""
        image = before.image.image_id or before.image.reference
        try:
            with contextlib.ExitStack() as copies:
                text = proposal.text
                if facts_of(self.engine, image).triggers:
                    inform("building on a copy of the image without its ONBUILD instructions")
                    copy = copies.enter_context(without_triggers(self.engine, image))
                    text = proposal.text_on(copy)
                build(
                    self.engine, text, target.familiar,
                    platform=self.options.platform,
                    network=shared_network(self.options.network), step=inform,
                )  # fmt: skip
        except BuildFailed as error:
            inform("the Dockerfile could not be built, so the image stays as it is:")
            click.echo(printable(str(error)), err=True)
            return None
        result = self._certify(target, replace(self.options, pull="never"))
        return self.recorder.reject_revoked([result])[0]

    def _certify(self, reference: Reference, options: Options) -> Result:
        """Certify an image, record the result as ``certify run`` does, and return it unchanged."""
        with RunProgress(f"{reference.familiar} · {self.profile.name}") as progress:
            certification = Certification(self.engine, reference, options, progress)
            (result,) = certification.run([self.profile])
        self.recorder.record(result)
        self.recorder.finish([result])
        return result


@click.command()
@click.argument("image", shell_complete=completes(recorded_images))
@click.option("--build", "tag", metavar="TAG", help="Build it under this tag, and certify that.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the Dockerfile to this file instead of standard output.",
)  # fmt: skip
@certification_options
@format_option(SCHEMA)
@storage_options
def fix(
    *,
    image: str,
    tag: str | None,
    output: Path | None,
    output_format: str,
    storage: Storage,
    certification: CertificationOptions,
) -> None:
    """Print a Dockerfile that fixes an image.

    It makes a rejected or on-launch image native, judging by the last result of the image;
    without one, the image is certified first.

    \b
    Examples:
      certify fix debian:12 >Dockerfile
      certify fix debian:12 --build debian:12-devspace
    """
    reference = Reference.parse(image)
    target = _target(tag, reference)
    profiles, options = resolve(certification)
    if len(profiles) != 1:
        raise UsageError(
            "--profile: an image is fixed for one profile at a time",
            remedy="Run it once for each of them.",
        )
    if options.platform == ALL:
        raise UsageError(
            "--platform: an image is fixed for one platform at a time",
            remedy="Run it once for each of them.",
        )
    after, address = None, address_for(certification.addresses, options.platform)
    with storage.open_ledger() as ledger, interruptible(), Engine.connect(address) as engine:
        reaper.remove_orphans(engine)  # of runs that were killed
        fixer = _Fixer(engine, Recorder(ledger, storage.reports, own=True), profiles[0], options)
        before = fixer.last_result(reference)
        proposal = fixer.propose(reference, before)
        if proposal is not None:
            if output is not None:
                _write(output, proposal.text)
            elif output_format == "text":
                sys.stdout.write(proposal.text)
            if target is not None and proposal.fixes_any:
                after = fixer.build(before, proposal, target)
    if output_format == "json":
        print_json(SCHEMA, _fields(before, proposal, after))
    elif after is not None:
        if output is None:
            click.echo()
        print_comparison(before, after, Console())
    not_recorded = report_errors(fixer.recorder.errors)
    if after is not None:
        code = exit_code([after.verdict.status])
    elif proposal is None:
        unknown = before.verdict.status is Status.INCONCLUSIVE
        code = INCONCLUSIVE if unknown else CERTIFIED
    else:
        build_failed = target is not None and proposal.fixes_any
        code = CERTIFIED if proposal.complete and not build_failed else REJECTED
    sys.exit(code or not_recorded)


def _target(tag: str | None, reference: Reference) -> Reference | None:
    """Return the name for the fixed image. Raises :class:`UsageError` if it cannot be one."""
    if tag is None:
        return None
    target = Reference.parse(tag)
    if target.tag is None or target.digest is not None:
        raise BadReference(
            f"--build {tag}: not a name and tag that an image can be given",
            remedy="Write for example --build team/base:fixed.",
        )
    if target == reference:
        raise UsageError(
            f"--build {tag}: that is the image itself.",
            remedy="Choose another tag, so that both images can be compared.",
        )
    return target


def _fields(before: Result, proposal: Proposal | None, after: Result | None) -> dict[str, object]:
    """Return the fields of the JSON output."""
    unfixed = [step for step in proposal.steps if not step.fixes] if proposal else []
    return {
        "dockerfile": proposal.text if proposal else None,
        "complete": proposal.complete if proposal else None,
        "unfixed": [
            {"check": each.check, "required": each.decisive, "reason": each.reason_unfixed}
            for each in unfixed
        ],
        "before": json.loads(result_json(before)),
        "after": json.loads(result_json(after)) if after else None,
    }


def _write(output: Path, text: str) -> None:
    try:
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(
            f"--output {output} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that you may write to.",
        ) from error
