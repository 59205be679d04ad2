"""``certify suggest``: certified images of the ledger that fit."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from certify.cli.exit_codes import CERTIFIED, REJECTED
from certify.cli.output import format_option, print_json
from certify.cli.storage import Storage, storage_options
from certify.model.errors import UsageError
from certify.publish.layout import Paragraph
from certify.publish.phrases import seconds
from certify.publish.suggestion import Suggestion
from certify.publish.suggestion import suggest as fitting
from certify.util.text import one_line

SCHEMA = "certify/suggest/v1"
SHOWN = 20
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}


def size(value: object) -> int:
    """Return the bytes of an image's size in decimal units, as reports show it: ``500MB``."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,3})?) ?([kmg]?)b?", str(value).lower())
    if not found:
        raise click.BadParameter(f"{value!r} is not a size; expected for example 500MB or 1.5GB")
    return int(float(found[1]) * _UNITS[found[2]])


@click.command()
@click.option(
    "--needs", default="", metavar="NAME,...",
    help="What it must have: profiles, checks, groups of checks, packages.",
)  # fmt: skip
@click.option("--size-max", type=size, help="The largest size, such as 500MB.")
@click.option("--platform", metavar="OS/ARCH", help="Only images for this platform.")
@click.option("--fastest", is_flag=True, help="The fastest to boot first, not the smallest.")
@format_option(SCHEMA)
@storage_options
def suggest(
    *,
    needs: str,
    size_max: int | None,
    platform: str | None,
    fastest: bool,
    output_format: str,
    storage: Storage,
) -> None:
    """Name certified images that fit your needs, smallest first.

    What an image ships counts, not what a launch installs. Exit code 1: none fits.

    \b
    Examples:
      certify suggest --needs dockerd,python --size-max 500MB
      certify suggest --needs devspace --fastest
    """
    wanted = list(dict.fromkeys(filter(None, (each.strip() for each in needs.split(",")))))
    if bad := [each for each in wanted if not re.fullmatch(r"[A-Za-z0-9][\w.+:-]*", each)]:
        raise UsageError(f"--needs: {bad[0]!r} is no name", remedy="Separate names by commas.")
    now = datetime.now(UTC)
    with storage.open_ledger(create=False) as ledger:
        rows = [
            row for row in ledger.matrix_rows()
            if row.expires_at > now and platform in (None, row.platform)
        ]  # fmt: skip
        results = (result for _, result in ledger.results(rows))
        found = fitting(results, wanted, size_max, fastest=fastest)
    if output_format == "json":
        print_json(SCHEMA, {"images": [_fields(each) for each in found]})
    else:
        _print(found, Console())
    sys.exit(CERTIFIED if found else REJECTED)


def _print(found: list[Suggestion], console: Console) -> None:
    if not found:
        console.print("No certified image fits; `certify matrix` shows all.")
    for each in found[:SHOWN]:
        image = each.results[0].image
        size = "" if each.size_bytes is None else decimal(each.size_bytes)
        boot = "" if each.boot_seconds is None else f"boot {seconds(each.boot_seconds)}"
        profiles = ", ".join(sorted({result.profile for result in each.results}))
        parts = (size, boot, image.platform or "", profiles, *each.how.values())
        text = Text.assemble((one_line(image.reference), "bold"))
        text.append("  " + " · ".join(one_line(part) for part in parts if part), "dim")
        paragraph = Paragraph(text, rest="    ")
        console.print(paragraph, width=min(console.width, 100), crop=False)
    if len(found) > SHOWN:
        console.print(f"and {len(found) - SHOWN} more (--format json)")


def _fields(found: Suggestion) -> dict[str, object]:
    image = found.results[0].image
    return {
        "reference": image.reference,
        "digest": image.digest,
        "image_id": image.image_id,
        "platform": image.platform,
        "size_bytes": found.size_bytes,
        "boot_seconds": found.boot_seconds,
        "profiles": {each.profile: each.verdict.grade for each in found.results},
        "needs": found.how,
    }
