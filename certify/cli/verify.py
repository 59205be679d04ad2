"""``certify verify IMAGE``: is this image approved, now? A gate for provisioners.

Exit codes: 0 approved; 1 not approved, for whatever reason; 2 wrong usage; 3 unknown, because a
registry, a web server or the list could not be read. Only 0 may open the gate.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.completion import completes, recorded_images
from certify.cli.exit_codes import CERTIFIED, REJECTED
from certify.cli.output import format_option, inform, print_json
from certify.cli.parameters import grouped
from certify.model.clock import rfc3339
from certify.model.errors import NotBelieved, Trouble, UsageError
from certify.model.platform import PLATFORM, host_platform, normalize_platform
from certify.model.reference import Reference
from certify.signing.gate import Decision, ImageRequest, decide_from_list
from certify.signing.list_reader import check_location, is_url, read_list, without_password
from certify.signing.published_list import ListedImage, as_json
from certify.signing.replay_protection import record_sequence
from certify.util.signals import time_limit

if TYPE_CHECKING:
    from certify.signing.keys import PublicKey

LIST = "approved-images.json"
SCHEMA = "certify/verification/v1"
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
        help="Read the statements attached to the image in its registry instead of a list.",
    ),
    click.option(
        "--key", type=click.Path(path_type=Path), metavar="PUB",
        help="Trust only what is signed with this public key.",
    ),
)  # fmt: skip


@click.command()
@click.argument("image", shell_complete=completes(recorded_images))
@source_options
@click.option(
    "--profile",
    default="devspace",
    show_default=True,
    metavar="NAME",
    help="The profile that the image must be approved for.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="The platform of the image; default: this host's."
)
@format_option(SCHEMA)
@click.option("--json", "as_json", is_flag=True, hidden=True, help="The same as --format json.")
def verify(
    *,
    image: str,
    source: Source,
    profile: str,
    platform: str | None,
    output_format: str,
    as_json: bool,
) -> None:
    """Report whether an image is approved, now, by its digest.

    A tag is resolved at its registry first. With IMAGE@sha256:… and a list in a file, no
    network is used at all. Only exit code 0 means approved.

    \b
    Example:
      certify verify debian:12 --key team.pub --approved approved-images.json
    """  # fmt: skip
    reference = _parse(image)
    location, key = source.resolve()
    platform = _platform(platform)
    as_json = as_json or output_format == "json"
    fields: dict[str, object] = {"image": reference.familiar, "digest": None, "pin": None}
    fields |= {"platform": platform, "profile": profile}
    late = Trouble(f"no answer within {LIMIT:g} s", remedy="Try again, or use another source.")
    try:
        with time_limit(LIMIT, late):
            if source.attached or reference.digest is None:
                # Imported here, because a digest and a list in a file need none of it.
                from certify.cli import verify_registry  # noqa: PLC0415
            digest = reference.digest or verify_registry.resolve_tag(reference)
            pin = f"{reference.name}@{digest}"
            fields |= {"digest": digest, "pin": pin}
            request = ImageRequest(reference.name, digest, platform, profile)
            if source.attached and key is not None:
                decision = verify_registry.decide(reference, request, key)
            else:
                decision = _decide_from_list(location, request, key, fields)
    except Trouble as error:
        if as_json:
            _print_json(fields, None, error.message)
        raise
    if as_json:
        _print_json(fields, decision, decision.text)
    else:
        word = "approved" if decision.approved else "not approved"
        click.echo(f"{word}: {pin}: {decision.text}")
    sys.exit(CERTIFIED if decision.approved else REJECTED)


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


def _decide_from_list(
    location: str, request: ImageRequest, key: PublicKey | None, fields: dict[str, object]
) -> Decision:
    """Read the list, add its head to the fields of the JSON output, and decide."""
    signed_by = None
    if key is not None:
        from certify.signing.keys import key_id  # noqa: PLC0415

        signed_by = key_id(key)
    try:
        listed = read_list(location, key)
        fields["list"] = {
            "sequence": listed.head.sequence,
            "published_at": rfc3339(listed.head.published_at),
            "expires_at": rfc3339(listed.head.expires_at),
            "location": without_password(location),
            "signed_by": signed_by,
        }
    except NotBelieved as error:
        return Decision("signature", error.message)
    if signed_by is not None:
        try:
            problem = record_sequence(without_password(location), signed_by, listed.head.sequence)
        except NotBelieved as error:
            return Decision("replayed", f"{error.message}. {error.remedy}")
        if problem:
            inform(f"an older list would not be recognized: {problem}")
    return decide_from_list(request, listed, datetime.now(UTC))


def _print_json(fields: dict[str, object], decision: Decision | None, text: str) -> None:
    entry = decision.entry if decision else None
    if isinstance(entry, ListedImage):
        shown: object = as_json(entry)
    else:
        shown = entry.model_dump(mode="json") if entry else None
    first = {
        "approved": decision.approved if decision else None,
        "reason": decision.reason if decision else "unknown",
        "text": text,
    }
    print_json(SCHEMA, {**first, **fields, "entry": shown})
