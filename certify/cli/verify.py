"""``certify verify IMAGE``: may this image be run, now? A gate for whoever starts containers.

Exit codes: 0 approved; 1 not approved, whatever the reason; 2 wrong usage; 3 it cannot be told:
a registry, a web server or the list itself could not be read. Only 0 opens the gate.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from certify.cli.exits import CERTIFIED, REJECTED
from certify.model.errors import NotBelieved, Trouble, UsageError
from certify.model.platform import PLATFORM, host_platform, normalize_platform
from certify.model.reference import Reference
from certify.signing.gate import Decision, Question, Why, answer
from certify.signing.keys import Public, key_id, read_public
from certify.signing.memory import remember
from certify.signing.source import check_location, is_url, read_list, shown
from certify.util.signals import time_limit
from certify.util.text import safe_json

DEFAULT = "reports/approved-images.json"
SCHEMA = "certify/verification/v1"
LIMIT = 120.0
"""Seconds for all of it: whoever keeps a gate waiting must not keep it for ever."""


@click.command(name="verify")
@click.argument("image")
@click.option("--approved", metavar="FILE|URL", help=f"The list to look into; default: {DEFAULT}.")
@click.option(
    "--attached", is_flag=True, help="Look at what is attached to the image in its registry."
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="PUB",
    help="Believe only what this public key's owner has signed.",
)
@click.option(
    "--profile",
    default="devspace",
    show_default=True,
    metavar="NAME",
    help="What the image must be approved for.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="Which platform's image is to run; default: this host's."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def verify(
    *,
    image: str,
    approved: str | None,
    attached: bool,
    key: Path | None,
    profile: str,
    platform: str | None,
    as_json: bool,
) -> None:
    """Tell whether an image is approved, now, by its digest.

    A tag is resolved at its registry first. With IMAGE@sha256:… and a list in a file no
    network is used at all. Exit code 0 means approved; nothing else does.

    \b
    Example:
      certify verify debian:12 --key team.pub --approved approved-images.json
    """  # fmt: skip
    reference = _named(image)
    public = read_public(key) if key else None
    place = _place(approved, attached, public)
    platform = _platform(platform)
    told: dict[str, object] = {"image": reference.familiar, "digest": None, "pin": None}
    told |= {"platform": platform, "profile": profile}
    late = Trouble(f"no answer within {LIMIT:g} s", remedy="Try again, or look elsewhere.")
    try:
        with time_limit(LIMIT, late):
            if attached or reference.digest is None:
                # Not at the top: with a digest and a list all that it imports is not needed.
                from certify.cli import verify_registry  # noqa: PLC0415
            digest = reference.digest or verify_registry.digest_of(reference)
            name = f"{reference.name}@{digest}"
            told |= {"digest": digest, "pin": name}
            asked = Question(reference.name, digest, platform, profile)
            if attached and public is not None:
                found = verify_registry.answer_from(reference, asked, public)
            else:
                found = _from_list(place, asked, public, told)
    except Trouble as error:
        if as_json:
            _print_json(told, None, error.message)
        raise
    if as_json:
        _print_json(told, found, found.text)
    else:
        click.echo(f"{'approved' if found.approved else 'not approved'}: {name}: {found.text}")
    sys.exit(CERTIFIED if found.approved else REJECTED)


def _place(approved: str | None, attached: bool, key: Public | None) -> str:
    """Where the list is. Raises :class:`UsageError` for options that do not fit together."""
    if attached and approved:
        raise UsageError("--attached and --approved exclude each other: name one place to look.")
    if attached and key is None:
        raise UsageError(
            "--attached needs --key: whoever may push can attach things to an image.",
            remedy="Name the public key of those whose word counts.",
        )
    place = approved or DEFAULT
    check_location(place, key)
    return place if is_url(place) else str(Path(place).absolute())


def _platform(asked: str | None) -> str:
    if asked is not None and not PLATFORM.fullmatch(asked):
        raise UsageError(f"--platform {asked!r}: expected is for example linux/arm64")
    return normalize_platform(asked) if asked else host_platform()


def _named(image: str) -> Reference:
    """Raises :class:`UsageError` for what nobody can tell anything of."""
    reference = Reference.parse(image)
    if reference.image_id:
        raise UsageError(
            "an image ID says nothing about where an image comes from",
            remedy="Ask for registry/repository@sha256:…, as `docker image inspect` shows it"
            " under RepoDigests.",
        )
    return reference


def _from_list(
    place: str, asked: Question, key: Public | None, told: dict[str, object]
) -> Decision:
    try:
        listed = read_list(place, key)
        told["list"] = listed.head.model_dump(
            mode="json", include={"sequence", "published_at", "expires_at"}
        ) | {"location": shown(place), "signed_by": key_id(key) if key else None}
    except NotBelieved as error:
        return Decision(Why.SIGNATURE, error.message)
    if key is not None:
        try:
            unkept = remember(shown(place), key_id(key), listed.head.sequence)
        except NotBelieved as error:
            return Decision(Why.REPLAYED, f"{error.message}. {error.remedy}")
        if unkept:
            click.echo(f"certify: an older list would not be known again: {unkept}", err=True)
    return answer(asked, listed, datetime.now(UTC))


def _print_json(told: dict[str, object], found: Decision | None, text: str) -> None:
    entry = found.entry.model_dump(mode="json") if found and found.entry else None
    whole = {
        "schema": SCHEMA,
        "approved": found.approved if found else None,
        "reason": found.why.value if found else "unknown",
        "text": text,
        **told,
        "entry": entry,
    }
    click.echo(safe_json(whole, indent=2))
