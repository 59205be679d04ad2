"""``certify verify IMAGE...``: are these images approved, now? A gate for provisioners.

Exit codes: 0 all are approved; 1 one is not approved, for whatever reason; 2 wrong usage; 3
unknown, because a registry, a web server or the list could not be read. Only 0 may open the gate.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.completion import completes, recorded_images
from certify.cli.output import format_option, inform, print_json
from certify.cli.parameters import grouped
from certify.cli.verification import Verification, exit_code
from certify.model.clock import rfc3339
from certify.model.errors import NotBelieved, Trouble, UsageError
from certify.model.platform import PLATFORM, host_platform, normalize_platform
from certify.model.reference import Reference
from certify.signing.gate import Decision, decide_from_list, leave_out_others
from certify.signing.list_reader import (
    check_location,
    forget,
    is_url,
    read_list,
    without_password,
)
from certify.util.signals import time_limit

if TYPE_CHECKING:
    from certify.signing.keys import PublicKey

LIST = "approved-images.json"
SCHEMA = "certify/verification/v1"
SCHEMA_OF_SEVERAL = "certify/verifications/v1"
LIMIT = 120.0
"""The time limit for everything, in seconds, so that no provisioner waits for ever."""


@dataclass(frozen=True, slots=True)
class Source:
    """The options that name the list, or the registry, to trust."""

    approved: str | None
    attached: bool
    key: Path | None
    reports: Path

    def resolve(self) -> tuple[str, PublicKey | None]:
        """Return the location of the list and the public key.

        Raises :class:`UsageError` for options that contradict each other.
        """
        key = None
        if self.key:
            from certify.signing.keys import read_public  # noqa: PLC0415 - many lists have no key

            key = read_public(self.key)
        if self.attached and self.approved:
            raise UsageError(
                "--attached and --approved exclude each other", remedy="Leave one of them out."
            )
        if self.attached and key is None:
            raise UsageError(
                "--attached needs --key: whoever may push can attach statements to an image.",
                remedy="Name the public key of those whose statements count.",
            )
        location = self.approved or str(self.reports / LIST)
        check_location(location, key)
        return location if is_url(location) else str(Path(location).absolute()), key


source_options = grouped(
    "source",
    Source,
    click.option(
        "--approved", metavar="FILE|URL", help=f"The list; default: {LIST} in the reports folder."
    ),
    click.option(
        "--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"),
        show_default=True, help="Folder for reports.",
    ),
    click.option(
        "--attached", is_flag=True,
        help="Read the statements attached to an image in its registry instead of a list.",
    ),
    click.option(
        "--key", type=click.Path(path_type=Path), metavar="PUB",
        help="Trust only what is signed with this public key.",
    ),
)  # fmt: skip


@click.command()
@click.argument(
    "images", metavar="IMAGE...", nargs=-1, required=True, shell_complete=completes(recorded_images)
)
@source_options
@click.option(
    "--profile",
    default="devspace",
    show_default=True,
    metavar="NAME",
    help="The profile that an image must be approved for.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="The platform of the images; default: this host's."
)
@format_option(SCHEMA)
@click.option("--json", "as_json", is_flag=True, hidden=True, help="The same as --format json.")
def verify(
    *,
    images: Sequence[str],
    source: Source,
    profile: str,
    platform: str | None,
    output_format: str,
    as_json: bool,
) -> None:
    """Report whether images are approved, now, by their digests.

    A tag is resolved at its registry first. With IMAGE@sha256:… and a list in a file, no
    network is used at all. Only exit code 0 means approved, and all of them. JSON about several
    images is certify/verifications/v1.

    \b
    Example:
      certify verify debian:12 --key team.pub --approved approved-images.json
    """  # fmt: skip
    references = dict.fromkeys(_parse(image) for image in images)
    location, key = source.resolve()
    platform = _platform(platform)
    asked = [Verification(each, platform, profile, each.digest) for each in references]
    trouble = _decide(asked, location, key, attached=source.attached)
    if as_json or output_format == "json":
        _print_json(asked)
    elif len(asked) > 1 or trouble is None:
        for each in asked:
            click.echo(each.line)
    if trouble:
        raise trouble
    sys.exit(exit_code(asked))


def _parse(image: str) -> Reference:
    """Parse the reference. Raises :class:`UsageError` if it is an image ID or a file."""
    reference = Reference.parse(image)
    if not reference.registry:
        what = "a file" if reference.archive else "an image ID"
        raise UsageError(
            f"{what} says nothing about where an image comes from",
            remedy="Name registry/repository@sha256:…, as `docker image inspect` shows it"
            " under RepoDigests.",
        )
    return reference


def _platform(name: str | None) -> str:
    if name is not None and not PLATFORM.fullmatch(name):
        raise UsageError(
            f"--platform {name!r} is not a platform", remedy="Write for example linux/arm64."
        )
    return normalize_platform(name) if name else host_platform()


def _decide(
    asked: Sequence[Verification], location: str, key: PublicKey | None, *, attached: bool
) -> Trouble | None:
    """Decide on all images; return the trouble that kept certify from deciding on any.

    Trouble with one image's registry is that image's problem alone, if there are others.
    """
    late = Trouble(f"no answer within {LIMIT:g} s", remedy="Try again, or use another source.")
    try:
        with time_limit(LIMIT, late):
            if attached or any(each.digest is None for each in asked):
                _ask_registries(asked, key if attached else None, late)
            known = [each for each in asked if each.problem is None]
            if known and not attached:
                _decide_from_list(known, location, key)
    except Trouble as error:
        for each in asked:
            if each.decision is None and each.problem is None:
                each.problem = error
    problems = {each.problem: None for each in asked}
    return next(iter(problems)) if len(problems) == 1 else None


def _ask_registries(asked: Sequence[Verification], key: PublicKey | None, late: Trouble) -> None:
    """Resolve the tags, and with a key decide from what is attached to the images."""
    # Imported here, because a digest and a list in a file need none of it.
    from certify.cli.verify_registry import Registries  # noqa: PLC0415

    with Registries() as registries:
        for each in asked:
            try:
                each.digest = each.digest or registries.resolve_tag(each.reference)
                if key is not None:
                    each.decision = registries.decide(each.reference, each.request, key)
            except Trouble as error:
                if error is late:
                    raise
                each.problem = error


def _decide_from_list(asked: Sequence[Verification], location: str, key: PublicKey | None) -> None:
    """Read the list once, and decide on each image; none is approved if it is not believed."""
    signed_by = None
    if key is not None:
        from certify.signing.keys import key_id  # noqa: PLC0415

        signed_by = key_id(key)
    requests = [each.request for each in asked]
    name = without_password(location)
    try:
        listed = read_list(location, key, leave_out_others(requests))
    except NotBelieved as error:
        decisions = [Decision("signature", error.message)] * len(asked)
    else:
        head = {
            "sequence": listed.head.sequence,
            "published_at": rfc3339(listed.head.published_at),
            "expires_at": rfc3339(listed.head.expires_at),
            "location": name,
            "signed_by": signed_by,
        }
        for each in asked:
            each.head = head
        try:
            if signed_by is not None:
                _refuse_older(name, signed_by, listed.head.sequence)
            decisions = decide_from_list(requests, listed, datetime.now(UTC))
        except NotBelieved as error:
            forget(location)
            decisions = [Decision("replayed", f"{error.message}. {error.remedy}")] * len(asked)
    for each, decision in zip(asked, decisions, strict=True):
        each.decision = decision


def _refuse_older(name: str, keyid: str, sequence: int) -> None:
    """Raise :class:`NotBelieved` if the list is older than one used before."""
    from certify.signing.replay_protection import record_sequence  # noqa: PLC0415

    # A compressed list is the same list.
    if problem := record_sequence(name.removesuffix(".gz"), keyid, sequence):
        inform(f"an older list would not be recognized: {problem}")


def _print_json(asked: Sequence[Verification]) -> None:
    if len(asked) == 1:
        print_json(SCHEMA, asked[0].fields())
    else:
        print_json(SCHEMA_OF_SEVERAL, {"images": [each.fields() for each in asked]})
