"""The summary of a publication, for people and for programs. Pure."""

from __future__ import annotations

from pathlib import Path

from certify.approved.approval import Exclusion
from certify.approved.previous import LIST
from certify.approved.publication import Publication
from certify.util.text import one_line


def summary_text(publication: Publication, reports: Path, policy: str | None = None) -> str:
    """Return the summary in lines; ``policy`` is the name of the policy, if there was one."""
    listed = publication.listed
    lines = [
        f"List {listed.sequence}: {len(listed.images)} approved, {len(listed.revoked)} revoked,"
        f" {len(publication.excluded)} left out",
        f"  {reports / LIST}, valid until {listed.expires_at:%Y-%m-%d %H:%M} UTC",
        *([f"  policy: {policy}"] if policy else []),
        *(f"  {line}" for line in publication.changed.lines or ("nothing changed",)),
        *(["Left out:"] if publication.excluded else []),
        *(f"  {_name(each)}: {one_line(each.reason, 400)}" for each in publication.excluded),
        *(f"Note: {warning}" for warning in publication.warnings),
    ]
    return "\n".join(lines)


def summary_fields(publication: Publication) -> dict[str, object]:
    """Return the fields of the summary as JSON."""
    listed, changed = publication.listed, publication.changed
    return {
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
                "reference": each.key.reference,
                "platform": each.key.platform or None,
                "profile": each.key.profile,
                "reason": each.reason,
            }
            for each in publication.excluded
        ],
        "warnings": list(publication.warnings),
    }


def _name(each: Exclusion) -> str:
    reference, *place = each.key
    return one_line(f"{reference} ({', '.join(filter(None, place))})", 400)
