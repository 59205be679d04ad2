"""``certify publish``: the approved-images list, and the policies that enforce it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from certify.approved import publication
from certify.approved.policy import REMEDY, Policy, parse_policy
from certify.approved.summary import summary_fields, summary_text
from certify.cli.exit_codes import INCONCLUSIVE
from certify.cli.output import format_option, inform, print_json
from certify.cli.signing_options import SigningOptions, attach_all, signing_options
from certify.cli.storage import Storage, storage_options
from certify.model.errors import BadPolicy
from certify.util.files import read_text

POLICY = "approve.toml"
SCHEMA = "certify/publication/v1"


@click.command()
@click.option(
    "--policy", type=click.Path(path_type=Path), metavar="FILE",
    help=f"Requirements for images on the list; default: {POLICY}, if it exists.",
)  # fmt: skip
@signing_options
@click.option(
    "--allow-shrink", is_flag=True,
    help="Publish even if the list loses more images than its policy allows at once.",
)  # fmt: skip
@click.option(
    "--dry-run", is_flag=True, help="Show what would change, and why; write and attach nothing."
)
@format_option(SCHEMA)
@storage_options
def publish(
    *,
    policy: Path | None,
    signing: SigningOptions,
    allow_shrink: bool,
    dry_run: bool,
    output_format: str,
    storage: Storage,
) -> None:
    """Publish the list of approved images, and policies for it.

    The list is made from the ledger. Prints what changed, and a reason for each image left
    out. A list that would lose too many images at once stays as it was.

    \b
    Example:
      certify publish --policy approve.toml --sign team.key --attach
    """
    rules, source = _read_policy(policy)
    key = signing.resolve()
    with storage.open_ledger(create=False) as ledger:
        published = publication.publish(
            storage.reports, ledger, rules, key, allow_shrink=allow_shrink, dry_run=dry_run
        )
    if output_format == "json":
        print_json(SCHEMA, summary_fields(published))
    else:
        click.echo(summary_text(published, storage.reports, source))
    if dry_run:
        inform("nothing was written (--dry-run)")
    elif signing.attach and not attach_all(published.attachments):
        sys.exit(INCONCLUSIVE)


def _read_policy(path: Path | None) -> tuple[Policy, str]:
    """Return the policy in a file and its name; without a file, a policy without requirements.

    Raises :class:`BadPolicy`.
    """
    found = path or Path(POLICY)
    if path is None and not found.exists():
        return Policy(), f"none: every certificate counts ({POLICY} does not exist)"
    text = read_text(found, BadPolicy, option="--policy", remedy=REMEDY)
    return parse_policy(text, str(found)), str(found)
