"""The verdict: what a profile makes of all outcomes. Pure; the same arguments, the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from certify.judge.findings import NOT_RUN, CandidateFindings, summary, trouble_reasons
from certify.judge.profiles import Profile
from certify.judge.waivers import Waiver, in_force
from certify.model.errors import Trouble
from certify.model.finding import Claim, Finding
from certify.model.result import Check, Reason, Verdict
from certify.model.terms import Fault, Grade, Level, Outcome, Status

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def judge(
    profile: Profile,
    findings: Mapping[str, Finding],
    claims: Mapping[str, Claim],
    *,
    trouble: Trouble | None = None,
    installed_at_launch: bool = False,
    waivers: Sequence[Waiver] = (),
    now: datetime = _END_OF_TIME,
) -> tuple[Verdict, tuple[Check, ...]]:
    """Judge one candidate by one profile.

    ``findings`` and ``claims`` are keyed by the id of the check; their order does not matter.
    ``trouble`` is what kept the run from beginning or from coming to its end.
    ``installed_at_launch`` tells whether anything had to be installed before the checks.
    ``waivers`` are those that match the image; they count if they have not expired ``now``, the
    moment of the verdict (without it, none does).

    First, every check comes to count as one of these:

    ======================================================  ===================================
    what was found                                          counts as
    ======================================================  ===================================
    passed                                                  passed
    failed, fault image                                     failed: it was seen, for certain
    failed, no fault named, no trouble                      failed: it is the image's
    failed, no fault named, and trouble                     unknown: may be the trouble's work
    failed, any other fault                                 unknown: says nothing of the image
    skipped because of a check that counts as failed,       failed, by way of that check,
    directly or by way of other skipped checks              whatever that check's level
    skipped because of anything else, or of nothing         unknown: a skip is never a pass
    unknown, or not found at all                            unknown
    ======================================================  ===================================

    Then waivers excuse. A waiver is for exactly one check, so each row is about the check itself:

    ======================================================  ===================================
    what it counts as                                       if it is waived
    ======================================================  ===================================
    passed                                                  passed; the waiver is not needed
    failed by itself                                        excused: somebody answers for it
    failed by way of another check (that one waived or      excused; but only by a waiver of its
    not)                                                    own: what was never run is not
                                                            covered by the waiver of its cause
    unknown                                                 unknown: the host's trouble is not
                                                            waived, it is mended
    ======================================================  ===================================

    Then the required checks decide, those of the profile and those that the user brought along:

    ==================================  ============  =========================================
    of the required checks              verdict       why
    ==================================  ============  =========================================
    any counts as failed and is not     rejected      what was seen stays true, also if trouble
    excused                                           came later or others are unknown
    else, there is trouble              inconclusive  even if all have passed: the run did not
                                                      come to its end
    else, any is unknown                inconclusive  nothing failed, and not all was answered
    else, none has passed, since none   inconclusive  there is nothing to certify by
    is required or all are excused
    all passed or are excused           certified     native, or on-launch if anything had to
                                                      be installed; waivers do not change that
    ==================================  ============  =========================================

    Reasons name causes, each once: for a rejection the checks that failed by themselves, in the
    order of the checks, then the trouble, then in one sentence what could not be answered; for an
    inconclusive run the trouble, then what is unknown, checks with the same message together.

    The checks returned are those of the profile in its order, then by id those findings that the
    profile does not name, at the level of their claim. They show the outcome that counts, but a
    skipped check stays skipped, and what excuses a check at whatever level.
    """
    extra = sorted(findings.keys() - set(profile.checks))
    levels = {
        check: profile.level(check) or _own_level(claims, check)
        for check in (*profile.checks, *extra)
    }
    seen = {check: _settled(check, findings.get(check), trouble) for check in levels}
    case = CandidateFindings(seen, claims, levels, in_force(waivers, now))
    required = [check for check, level in levels.items() if level is Level.REQUIRED]
    passed = [check for check in required if case.passed(check)]
    open_ = [each for each in required if not case.passed(each) and not case.waiver(each)]
    roots = {check: case.root(check) for check in open_}
    broken = case.ordered(root for root in roots.values() if case.failed(root))
    unanswered = [check for check, root in roots.items() if not case.failed(root)]

    reasons: list[Reason] = []
    grade: Grade | None = None
    if broken:
        status = Status.REJECTED
        reasons += [case.failure(root, roots) for root in broken]
        reasons += trouble_reasons(trouble)
        if unanswered:
            reasons.append(summary(unanswered))
    elif trouble or unanswered or not passed:
        status = Status.INCONCLUSIVE
        reasons += trouble_reasons(trouble)
        reasons += case.doubts(case.ordered(roots.values()))
        if not passed and not unanswered:
            what = "every required check is waived" if required else "no check is required"
            text = f"{what}, so there is nothing to certify by"
            remedy = "Choose a profile that requires what the image is to be certified for."
            reasons.append(Reason(check=None, text=text, remedy=remedy))
    else:
        status = Status.CERTIFIED
        grade = Grade.ON_LAUNCH if installed_at_launch else Grade.NATIVE
    verdict = Verdict(status=status, grade=grade, reasons=tuple(reasons))
    return verdict, tuple(case.check(check) for check in levels)


def _own_level(claims: Mapping[str, Claim], check: str) -> Level:
    """The level of a check that the profile does not name; without a claim it is required."""
    return claims[check].level if check in claims else Level.REQUIRED


def _settled(check: str, finding: Finding | None, trouble: Trouble | None) -> Finding:
    """The finding as it counts; see the first table of :func:`judge`."""
    if finding is None:
        return Finding(id=check, outcome=Outcome.UNKNOWN, message=NOT_RUN)
    if finding.outcome is not Outcome.FAILED or finding.fault is Fault.IMAGE:
        return finding
    if finding.fault is not None:
        return finding.model_copy(update={"outcome": Outcome.UNKNOWN})
    if trouble is None:
        return finding
    message = f"{finding.message or 'failed'} (as the run broke down, so it proves nothing)"
    return finding.model_copy(update={"outcome": Outcome.UNKNOWN, "message": message})
