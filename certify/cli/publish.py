"""``certify publish``: the approved-images list, and what enforces it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from certify.approved.approval import Exclusion
from certify.approved.policy import REMEDY, Policy, parse_policy
from certify.approved.previous import LIST, Signing
from certify.approved.publication import Publication
from certify.approved.publication import publish as publish_list
from certify.cli.exits import INCONCLUSIVE
from certify.cli.options import open_ledger, reports_options
from certify.cli.signing import attach_all, private_key, signing_options
from certify.model.errors import BadPolicy
from certify.util.files import read_text
from certify.util.text import one_line, safe_json

POLICY = "approve.toml"
SCHEMA = "certify/publication/v1"


@click.command(name="publish")
@click.option(
    "--policy", type=click.Path(path_type=Path), metavar="FILE",
    help=f"What is asked of an image; default: {POLICY}, if there is one.",
)  # fmt: skip
@signing_options
@click.option(
    "--allow-shrink", is_flag=True,
    help="Publish although the list loses more images than its policy allows at once.",
)  # fmt: skip
@click.option(
    "--dry-run", is_flag=True, help="Tell what would change, and why; write and attach nothing."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
@reports_options
def publish(
    *,
    policy: Path | None,
    sign: Path | None,
    passphrase_file: Path | None,
    unsigned: bool,
    attaching: bool,
    allow_shrink: bool,
    dry_run: bool,
    form: str,
    reports: Path,
    ledger: str | None,
) -> None:
    """Publish the approved-images list from the ledger, with policies that enforce it.

    Prints what changed, and a reason for each image left out. A list that would lose too
    much at once stays as it was.

    \b
    Example:
      certify publish --policy approve.toml --sign team.key --attach
    """
    rules, source = read_policy(policy)
    key = private_key(sign, passphrase_file, unsigned=unsigned, attaching=attaching)
    with open_ledger(ledger, reports, make=False) as store:
        done = publish_list(
            reports, store, rules, Signing(key, unsigned),
            allow_shrink=allow_shrink, dry_run=dry_run,
        )  # fmt: skip
    click.echo(as_json(done) if form == "json" else as_text(done, reports, source))
    if dry_run:
        click.echo("certify: nothing was written (--dry-run)", err=True)
    elif attaching and not attach_all(done.attachments):
        sys.exit(INCONCLUSIVE)


def read_policy(path: Path | None) -> tuple[Policy, str]:
    """The policy of a file, and what it is called; without a file every certificate counts.

    Raises :class:`BadPolicy`.
    """
    found = path or Path(POLICY)
    if path is None and not found.exists():
        return Policy(), f"none: every certificate counts ({POLICY} is not here)"
    text = read_text(found, BadPolicy, option="--policy", remedy=REMEDY)
    return parse_policy(text, str(found)), str(found)


def as_text(done: Publication, reports: Path, source: str | None = None) -> str:
    """What was published, in lines."""
    listed = done.listed
    lines = [
        f"List {listed.sequence}: {len(listed.images)} approved, {len(listed.revoked)} revoked,"
        f" {len(done.excluded)} left out",
        f"  {reports / LIST}, valid until {listed.expires_at:%Y-%m-%d %H:%M} UTC",
        *([f"  policy: {source}"] if source else []),
        *(f"  {line}" for line in done.changed.lines or ("nothing changed",)),
        *(["Left out:"] if done.excluded else []),
        *(f"  {_told(each)}: {one_line(each.reason, 400)}" for each in done.excluded),
        *(f"Note: {warning}" for warning in done.warnings),
    ]
    return "\n".join(lines)


def as_json(done: Publication) -> str:
    """The same for programs."""
    listed, changed = done.listed, done.changed
    whole = {
        "schema": SCHEMA,
        "sequence": listed.sequence,
        "published_at": listed.published_at.isoformat(),
        "expires_at": listed.expires_at.isoformat(),
        "approved": len(listed.images),
        "revoked": len(listed.revoked),
        "added": changed.added,
        "removed": changed.removed,
        "moved": changed.moved,
        "renewed": changed.renewed,
        "left_out": [
            {
                "reference": each.reference,
                "platform": each.platform or None,
                "profile": each.profile,
                "reason": each.reason,
            }
            for each in done.excluded
        ],
        "warnings": list(done.warnings),
    }
    return safe_json(whole, indent=2)


def _told(each: Exclusion) -> str:
    platform = f"{each.platform}, " if each.platform else ""
    return one_line(f"{each.reference} ({platform}{each.profile})", 400)
