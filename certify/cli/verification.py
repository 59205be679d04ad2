"""The images that ``certify verify`` was asked about, with its answers as text and JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE, REJECTED
from certify.model.errors import Trouble
from certify.model.reference import Reference
from certify.signing.gate import Decision, ImageRequest
from certify.signing.published_list import ListedImage, as_json


@dataclass(slots=True, eq=False, repr=False)
class Verification:
    """One image: a decision, or else the problem that kept certify from one."""

    reference: Reference
    platform: str
    profile: str
    digest: str | None
    """The digest; None until a tag is resolved."""
    decision: Decision | None = None
    problem: Trouble | None = None
    head: Mapping[str, object] | None = None
    """The list that decided, without its entries."""

    @property
    def pin(self) -> str | None:
        """The image by digest, if that is known."""
        return f"{self.reference.name}@{self.digest}" if self.digest else None

    @property
    def request(self) -> ImageRequest:
        """The request to the gate, once the digest is known."""
        return ImageRequest(self.reference.name, self.digest or "", self.platform, self.profile)

    @property
    def text(self) -> str:
        """The reason, in one line."""
        if self.decision:
            return self.decision.text
        return self.problem.message if self.problem else ""

    @property
    def line(self) -> str:
        """The answer in one line."""
        word = "unknown"
        if self.decision:
            word = "approved" if self.decision.approved else "not approved"
        return f"{word}: {self.pin or self.reference.familiar}: {self.text}"

    def fields(self) -> dict[str, object]:
        """Return the answer as fields of JSON."""
        entry = self.decision.entry if self.decision else None
        if isinstance(entry, ListedImage):
            shown: object = as_json(entry)
        else:
            shown = entry.model_dump(mode="json") if entry else None
        return {
            "approved": self.decision.approved if self.decision else None,
            "reason": self.decision.reason if self.decision else "unknown",
            "text": self.text,
            "image": self.reference.familiar,
            "digest": self.digest,
            "pin": self.pin,
            "platform": self.platform,
            "profile": self.profile,
            **({"list": self.head} if self.head else {}),
            "entry": shown,
        }


def exit_code(verifications: Iterable[Verification]) -> int:
    """Return the exit code for all: not approved weighs more than unknown."""
    decisions = [each.decision for each in verifications]
    if any(each and not each.approved for each in decisions):
        return REJECTED
    return CERTIFIED if all(decisions) else INCONCLUSIVE
