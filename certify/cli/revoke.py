"""``certify revoke``: an image that is not to be run again, whatever is certified or published."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from certify.approved.previous import Signing
from certify.approved.publication import revoke as revoke_image
from certify.cli.exits import INCONCLUSIVE
from certify.cli.options import open_ledger, reports_options
from certify.cli.publish import as_text
from certify.cli.signing import attach_all, private_key, signing_options
from certify.model.approved import Revocation
from certify.model.errors import Trouble, UsageError
from certify.model.reference import Reference
from certify.publish.writer import update_reports
from certify.registry.client import Registry
from certify.registry.credentials import login
from certify.signing.attestations import attachment_of
from certify.util.text import one_line


@click.command(name="revoke")
@click.argument("image", metavar="IMAGE@DIGEST")
@click.option("--reason", required=True, help="Why; everybody who asks is told.")
@click.option("--lift", is_flag=True, help="End a revocation: it may be certified and run again.")
@signing_options
@reports_options
def revoke(
    *,
    image: str,
    reason: str,
    lift: bool,
    sign: Path | None,
    passphrase_file: Path | None,
    unsigned: bool,
    attaching: bool,
    reports: Path,
    ledger: str | None,
) -> None:
    """Revoke an image: it leaves the list now, and no sweep brings it back.

    It stands for the content, so in every repository and under every tag.

    \b
    Example:
      certify revoke debian@sha256:… --reason CVE-2026-0001 --sign team.key
    """
    reference = Reference.parse(image)
    if reference.digest is None:
        raise UsageError(
            f"{reference.familiar} names no digest: tags move, a revocation stays",
            remedy=_leads_to(reference),
        )
    if not (reason := one_line(reason, 500).strip()):
        raise UsageError("--reason is empty", remedy="Say why; everybody who asks is told.")
    key = private_key(sign, passphrase_file, unsigned=unsigned, attaching=attaching)
    now = datetime.now(UTC)
    revocation = Revocation(
        digest=reference.digest, reference=reference.familiar, reason=reason, revoked_at=now
    )
    with open_ledger(ledger, reports) as store:
        done = revoke_image(reports, store, revocation, Signing(key, unsigned), lift=lift)
        word = "lifted" if lift else "revoked"
        click.echo(f"{reference.name}@{reference.digest}: {word}: {reason}")
        if done is None:
            click.echo("No list was published here yet; the next one will say so.")
        else:
            click.echo(as_text(done, reports))
        if lift:
            click.echo("The next `certify publish` lists it again, if it is certified.")
        attached = True
        if attaching and key is not None:
            # As it is recorded, so that `certify publish --attach` knows it again.
            recorded = {each.digest: each for each in store.revocations.all()}
            attachment = attachment_of(
                recorded.get(reference.digest, revocation),
                reference.registry, reference.repository, key, lifted=now if lift else None,
            )  # fmt: skip
            attached = attach_all([attachment])
        # Last, for it closes no gate: what people look at.
        if (reports / "matrix.json").exists():
            update_reports(reports, store)
    if not attached:
        sys.exit(INCONCLUSIVE)


def _leads_to(reference: Reference) -> str:
    if not reference.image_id:
        try:
            with Registry(reference.registry, login, timeout=10) as registry:
                digest = registry.digest(reference.repository, reference.tag or "")
            return f"Now it leads to {reference.name}@{digest}: revoke that, if you mean it."
        except Trouble:
            pass  # then somebody else has to find out
    return "Name registry/repository@sha256:…, as approved-images.txt has it."
