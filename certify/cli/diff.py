"""``certify diff``: the changes between the last two sweeps of a list, or inside one image."""

from __future__ import annotations

import click
from rich.console import Console

from certify.cli.completion import completes, recorded_images
from certify.cli.output import format_option, print_json
from certify.cli.storage import Storage, storage_options
from certify.judge.culprits import Comparison, compare
from certify.ledger.changes import Change, find_changes
from certify.ledger.store import Ledger
from certify.model.errors import UsageError
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.publish.inside import print_comparison
from certify.sweep.inside import explained
from certify.sweep.render import print_changes

SCHEMA = "certify/diff/v1"
IMAGE_SCHEMA = "certify/image-diff/v1"


@click.command()
@click.argument("image", required=False, shell_complete=completes(recorded_images))
@click.option("--list", "source", metavar="LIST", help="Only sweeps of this list.")
@click.option("--profile", metavar="NAME", help="Only the results of an IMAGE for this profile.")
@format_option(f"{SCHEMA}, {IMAGE_SCHEMA}")
@storage_options
def diff(
    *,
    image: str | None,
    source: str | None,
    profile: str | None,
    output_format: str,
    storage: Storage,
) -> None:
    """Show what the last sweep changed, or what is new in an image.

    The last two sweeps of a list are compared: images can break, be fixed, become unclear, move to
    another digest, appear or vanish. Of an IMAGE that is rejected now, what changed inside it since
    its last certificate is shown, likely culprits first.

    \b
    Examples:
      certify diff --list images.txt
      certify diff registry.example/team/app:1
    """
    if (source and image) or (profile and not image):
        raise UsageError(
            "--list is for sweeps, --profile for one image", remedy="Leave one of them out."
        )
    with storage.open_ledger(create=False) as ledger:
        found = _comparisons(ledger, image, profile) if image else None
        changed = _changes(ledger, source) if found is None else []
    if output_format != "json":
        console = Console()
        for each in found or ():
            print_comparison(each, console)
        if found is None:
            print_changes(changed, console)
    elif found is None:
        print_json(SCHEMA, {"changes": [_fields(change) for change in changed]})
    else:
        print_json(IMAGE_SCHEMA, {"comparisons": [_comparison_fields(each) for each in found]})


def _changes(ledger: Ledger, source: str | None) -> list[Change]:
    """Return the changes since the sweep before. Raises :class:`UsageError` if there is none."""
    sweeps = ledger.sweeps
    last = sweeps.finished(1, source)
    if not last:
        raise UsageError("No sweep is recorded.", remedy="Run `certify sweep` first.")
    newest = last[0]
    earlier = [each for each in sweeps.finished(2, newest.source) if each.id != newest.id]
    if not earlier:
        raise UsageError(
            f"{newest.source} was swept only once, so there is nothing to compare.",
            remedy="Sweep it again.",
        )
    changed = find_changes(*sweeps.differing_entries(earlier[0].id, newest.id))
    return explained(ledger, changed)


def _comparisons(ledger: Ledger, image: str, profile: str | None) -> list[Comparison]:
    """Return one for each profile and platform. Raises :class:`UsageError` if there is none."""
    reference = Reference.parse(image).familiar
    by_key: dict[ResultKey, list[Result]] = {}
    for each in ledger.history(reference):
        if profile in (None, each.profile):
            by_key.setdefault(ResultKey.of(each), []).append(each)
    found = [compared for results in by_key.values() if (compared := compare(results))]
    if not found:
        raise UsageError(
            f"Nothing of {reference} can be compared: there is no earlier certificate, and no"
            " result of another image under this name.",
            remedy="`certify history` shows its results.",
        )
    return found


def _comparison_fields(found: Comparison) -> dict[str, object]:
    inside = found.inside
    return {
        "reference": found.after.image.reference,
        "profile": found.after.profile,
        "platform": found.after.image.platform,
        "moved": found.moved,
        "before": _side(found.before),
        "after": _side(found.after),
        "inside": None if inside is None else [each._asdict() for each in inside],
    }


def _side(result: Result) -> dict[str, object]:
    return {
        "status": result.verdict.status.value,
        "digest": result.image.digest,
        "image_id": result.image.image_id,
        **result.model_dump(mode="json", include={"finished_at"}),
        "failed": [each.id for each in result.checks if each.outcome == "failed"],
    }


def _fields(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind.json_name,
        "reference": change.image.reference,
        "profile": change.image.profile,
        "platform": change.image.platform,
        "before": change.before and change.before.status.value,
        "after": change.after and change.after.status.value,
        "cause": change.image.cause,
        "inside": change.inside,
    }
