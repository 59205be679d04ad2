"""``certify revoke``: forbid an image, even if it is certified or published again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from certify.approved import publication
from certify.approved.summary import summary_fields, summary_text
from certify.cli.exit_codes import INCONCLUSIVE
from certify.cli.output import format_option, print_json
from certify.cli.signing_options import SigningOptions, attach_all, signing_options
from certify.cli.storage import Storage, storage_options
from certify.model.approved import Revocation
from certify.model.errors import Trouble, UsageError
from certify.model.reference import Reference
from certify.publish.writer import update_reports
from certify.registry.client import Registry
from certify.registry.credentials import login
from certify.signing.attestations import revocation_attachment
from certify.util.text import one_line

SCHEMA = "certify/revocation/v1"


@click.command()
@click.argument("image", metavar="IMAGE@DIGEST")
@click.option("--reason", required=True, help="The reason, which `certify verify` shows.")
@click.option("--lift", is_flag=True, help="End a revocation: the image may be certified again.")
@signing_options
@format_option(SCHEMA)
@storage_options
def revoke(
    *,
    image: str,
    reason: str,
    lift: bool,
    signing: SigningOptions,
    output_format: str,
    storage: Storage,
) -> None:
    """Revoke an image: no sweep brings it back onto the list.

    It leaves the list at once. A revocation applies to the content, so to every repository
    and every tag.

    \b
    Example:
      certify revoke debian@sha256:… --reason CVE-2026-0001 --sign team.key
    """
    reference = Reference.parse(image)
    if reference.digest is None:
        raise UsageError(
            f"{reference.familiar} has no digest: tags move, a revocation does not",
            remedy=_suggest_digest(reference),
        )
    if not (reason := one_line(reason, 500).strip()):
        raise UsageError("--reason is empty", remedy="Name the reason; `certify verify` shows it.")
    key = signing.resolve()
    now = datetime.now(UTC)
    revocation = Revocation(
        digest=reference.digest, reference=reference.familiar, reason=reason, revoked_at=now
    )
    pin = f"{reference.name}@{reference.digest}"
    with storage.open_ledger() as ledger:
        published = publication.revoke(storage.reports, ledger, revocation, key, lift=lift)
        if output_format == "json":
            listed = summary_fields(published) if published else None
            print_json(
                SCHEMA, {"pin": pin, "reason": reason, "lifted": lift, "publication": listed}
            )
        else:
            click.echo(f"{pin}: {'lifted' if lift else 'revoked'}: {reason}")
            if published is None:
                click.echo("No list was published here yet; the next one will include this.")
            else:
                click.echo(summary_text(published, storage.reports))
            if lift:
                click.echo("The next `certify publish` lists the image if it is certified.")
        attached = True
        if signing.attach and key.key is not None:
            # The recorded revocation, so that `certify publish --attach` recognizes it.
            recorded = {each.digest: each for each in ledger.revocations.in_force()}
            attachment = revocation_attachment(
                recorded.get(reference.digest, revocation),
                reference.registry, reference.repository, key.key, lifted=now if lift else None,
            )  # fmt: skip
            attached = attach_all([attachment])
        # The reports come last: `certify verify` does not read them.
        if (storage.reports / "matrix.json").exists():
            update_reports(storage.reports, ledger)
    if not attached:
        sys.exit(INCONCLUSIVE)


def _suggest_digest(reference: Reference) -> str:
    if reference.registry:
        try:
            with Registry(reference.registry, login, timeout=10) as registry:
                digest = registry.digest(reference.repository, reference.tag or "")
            return f"It is {reference.name}@{digest} now: revoke that, if you mean it."
        except Trouble:
            pass  # the general remedy remains
    return "Name registry/repository@sha256:…, as in approved-images.txt."
