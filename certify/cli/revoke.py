"""``certify revoke``: an image that is not to be run again, whatever is certified or published."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from certify.approved import Revocation
from certify.cli.options import open_ledger, reports_options
from certify.cli.publish import as_text
from certify.cli.signed import attach_all, private_key, signing_options
from certify.engine.login import login
from certify.errors import Trouble, UsageError
from certify.images.reference import Reference
from certify.images.registry import Registry
from certify.publication import revoke as revoke_image
from certify.publish.writer import write_standing
from certify.safetext import one_line
from certify.signing.attachments import Attachment
from certify.signing.envelope import sign as signed
from certify.signing.statements import about_revocation, rfc3339


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
        done = revoke_image(reports, store, revocation, lift=lift, key=key, unsigned=unsigned)
        if (reports / "matrix.json").exists():
            write_standing(reports, store)
    click.echo(f"{reference.name}@{reference.digest}: {'lifted' if lift else 'revoked'}: {reason}")
    if done is None:
        click.echo("No list was published here yet; the next one will say so.")
    else:
        click.echo(as_text(done, reports))
    if lift:
        click.echo("The next `certify publish` lists it again, if it is certified.")
    if attaching and key is not None:
        statement = about_revocation(revocation, lifted=now if lift else None)
        registry, repository = reference.registry, reference.repository
        bundle, public = signed(statement, key), key.public_key()
        attach_all(
            [Attachment(registry, repository, reference.digest, bundle, rfc3339(now), public)]
        )


def _leads_to(reference: Reference) -> str:
    if not reference.image_id:
        try:
            with Registry(reference.registry, login, timeout=10) as registry:
                digest = registry.digest(reference.repository, reference.tag or "")
            return f"Now it leads to {reference.name}@{digest}: revoke that, if you mean it."
        except Trouble:
            pass  # then somebody else has to find out
    return "Name registry/repository@sha256:…, as approved-images.txt has it."
