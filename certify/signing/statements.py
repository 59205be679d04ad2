"""in-toto Statements v1 about results, revocations and lists: what certify signs. Pure.

Sources: https://github.com/in-toto/attestation, spec/v1/statement.md and
spec/predicates/test-result.md (v0.1). That predicate has no word for an inconclusive result, so
there are no statements about those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from certify.model.approved import ApprovedList, Revocation
from certify.model.clock import rfc3339
from certify.model.errors import NotBelieved
from certify.model.terms import Grade, Level, Outcome, Status
from certify.model.value import Moment, Value
from certify.signing.subjects import LIST, STATEMENT, subject_digests
from certify.util.text import safe_json

if TYPE_CHECKING:  # whoever verifies statements needs no results, whose classes take long to make
    from certify.model.result import Check, Result

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
EVERY = "*"
"""The name that stands for every platform and every profile."""
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)

Word = Literal["PASSED", "WARNED", "FAILED"]


class StatedResult(Value):
    """The content of a test-result statement: a certificate, a rejection or a revocation.

    Its fields travel as annotations of the statement's only ``configuration``: the place that
    in-toto's ResourceDescriptor has for what its readers agree upon.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    profile: str
    platform: str
    grade: Grade | None = None
    certified_at: Moment
    expires_at: Moment
    revoked: str | None = None
    """The reason of a revocation; None in any other statement."""
    lifted: str | None = None
    """The reason why a revocation was lifted; None in any other statement."""
    result: Word = Field(exclude=True)
    subjects: tuple[str, ...] = Field(exclude=True)
    """The digests that the statement is about."""

    @property
    def about_revocation(self) -> bool:
        """True if it revokes an image or lifts a revocation, and so certifies nothing."""
        return self.revoked is not None or self.lifted is not None


def result_statement(result: Result) -> bytes | None:
    """Return the statement about a certificate or a rejection, as JSON.

    Return None for an inconclusive result, and for an image that is in no registry: without a
    digest nobody could check the statement.
    """
    image = result.image
    if result.verdict.status is Status.INCONCLUSIVE or not image.digest or not image.platform:
        return None
    by_kind: dict[str | None, list[str]] = {"passed": [], "warned": [], "failed": [], None: []}
    for each in result.checks:
        by_kind[_kind(each)].append(each.id)
    annotations = {
        "profile": result.profile,
        "platform": image.platform,
        "grade": result.verdict.grade,
        "certified_at": result.finished_at,
        "expires_at": result.expires_at,
    }
    in_registry = image.registry and image.repository
    return _statement(
        f"{image.registry}/{image.repository}" if in_registry else image.reference,
        (image.digest, image.manifest_digest),
        TEST_RESULT,
        {
            "result": _word(result, bool(by_kind["warned"])),
            "configuration": [_configuration(result.profile, result.suite.digest, annotations)],
            "passedTests": by_kind["passed"],
            "warnedTests": by_kind["warned"],
            "failedTests": by_kind["failed"],
        },
    )


def revocation_statement(revocation: Revocation, *, lifted: datetime | None = None) -> bytes:
    """Return the statement that an image is revoked, or that it no longer is, since ``lifted``.

    It holds for every platform and profile. A later certificate does not end a revocation; only
    lifting it does.
    """
    word, kind = ("WARNED", "lifted") if lifted else ("FAILED", "revoked")
    annotations = {
        "profile": EVERY,
        "platform": EVERY,
        "certified_at": lifted or revocation.revoked_at,
        "expires_at": _NEVER,
        kind: revocation.reason,
    }
    predicate = {
        "result": word,
        "configuration": [_configuration(EVERY, "", annotations)],
        "passedTests": [],
        "warnedTests": ["certify.revoked"] if lifted else [],
        "failedTests": [] if lifted else ["certify.revoked"],
    }
    name = revocation.reference.partition("@")[0]
    return _statement(name, (revocation.digest,), TEST_RESULT, predicate)


def list_statement(digest: str, listed: ApprovedList, name: str) -> bytes:
    """Return the statement about the file of a list, which has this digest."""
    return _statement(
        name,
        (digest,),
        LIST,
        {
            "sequence": listed.sequence,
            "publishedAt": rfc3339(listed.published_at),
            "expiresAt": rfc3339(listed.expires_at),
            "images": len(listed.images),
            "revoked": len(listed.revoked),
        },
    )


def parse_statement(statement: dict[str, Any]) -> StatedResult:
    """Return the content of a test-result statement. Raises :class:`NotBelieved` for others."""
    digests = subject_digests(statement, TEST_RESULT)
    try:
        predicate = statement["predicate"]
        (configuration,) = predicate["configuration"]
        fields = configuration["annotations"] | {
            "result": predicate["result"],
            "subjects": digests,
        }
        return StatedResult.model_validate(fields)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise NotBelieved("what is signed is a test result, but none of certify's") from error


def _statement(
    name: str, digests: Sequence[str | None], predicate_type: str, predicate: dict[str, Any]
) -> bytes:
    whole = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": dict([digest.split(":", 1)])}
            for digest in dict.fromkeys(filter(None, digests))
        ],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return safe_json(whole).encode()


def _configuration(
    profile: str, suite_digest: str, annotations: Mapping[str, object]
) -> dict[str, Any]:
    """Return a ResourceDescriptor of the profile, with the suite's digest if it has one."""
    texts = {
        key: rfc3339(value) if isinstance(value, datetime) else str(value)
        for key, value in annotations.items()
        if value is not None
    }
    known = re.fullmatch(r"sha256:([0-9a-f]{64})", suite_digest)
    digest = (
        {"digest": {"sha256": known[1]}} if known else {"uri": f"urn:certify:profile:{profile}"}
    )
    return {"name": profile, **digest, "annotations": texts}


def _kind(check: Check) -> str | None:
    """Return the list that names a check; None for one that neither passed nor failed."""
    if check.outcome is Outcome.PASSED:
        return "passed"
    if check.waiver is not None:
        return "warned"
    if check.outcome is not Outcome.FAILED:
        return None
    return "failed" if check.level is Level.REQUIRED else "warned"


def _word(result: Result, warned: bool) -> Word:
    if result.verdict.status is Status.REJECTED:
        return "FAILED"
    unanswered = any(each.outcome is Outcome.UNKNOWN for each in result.checks)
    return "WARNED" if warned or unanswered else "PASSED"
