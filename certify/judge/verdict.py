"""The verdict on one candidate by one profile. Pure: the same arguments give the same verdict."""

from __future__ import annotations

from collections.abc import Mapping

from certify.judge.assessment import NOT_RUN, Assessment, open_reason, trouble_reasons
from certify.judge.profile import Profile
from certify.model.errors import Trouble
from certify.model.finding import Claim, Finding
from certify.model.result import AppliedWaiver, Check, Reason, Verdict
from certify.model.terms import Fault, Grade, Level, Outcome, Status


def judge(
    profile: Profile,
    findings: Mapping[str, Finding],
    claims: Mapping[str, Claim],
    *,
    trouble: Trouble | None = None,
    installed_at_launch: bool = False,
    waived: Mapping[str, AppliedWaiver] | None = None,
) -> tuple[Verdict, tuple[Check, ...]]:
    """Judge one candidate by one profile; return the verdict and the checks of the result.

    ``findings``, ``claims`` and ``waived`` are keyed by the id of the check; their order does not
    matter. ``trouble`` is what kept the run from starting or finishing. ``installed_at_launch`` is
    True if anything had to be installed before the checks. ``waived`` are the waivers of the image
    that are in force.

    First, each check is counted:

    ====================================================  ======================================
    finding                                               counts as
    ====================================================  ======================================
    passed                                                passed
    failed, fault of the image                            failed: it was certainly observed
    failed, no fault named, no trouble                    failed: it is attributed to the image
    failed, no fault named, and trouble                   unknown: the trouble may have caused it
    failed, any other fault                               unknown: it proves nothing of the image
    skipped because of a check that counts as failed,     failed through that check, whatever
    directly or through other skipped checks              its level
    skipped because of anything else, or of nothing       unknown: a skip is never a pass
    unknown, or no finding                                unknown
    ====================================================  ======================================

    Then waivers excuse failures. A waiver covers exactly one check, so each row is about itself:

    ====================================================  ======================================
    counts as                                             if the check is waived
    ====================================================  ======================================
    passed                                                passed; the waiver is not needed
    failed by itself                                      excused: its owner answers for it
    failed through another check (waived or not)          excused, but only by its own waiver: it
                                                          never ran, so the other check's waiver
                                                          does not cover it
    unknown                                               unknown: the host's trouble cannot be
                                                          waived
    ====================================================  ======================================

    Then the required checks decide, those of the profile and those of the user:

    ==================================  ============  ==========================================
    required checks                     verdict       reason
    ==================================  ============  ==========================================
    any counts as failed and is not     rejected      an observation stays true, even if trouble
    excused                                           came later or others are unknown
    else, there is trouble              inconclusive  the run did not finish, even if all passed
    else, any is unknown                inconclusive  nothing failed, but something is open
    else, none has passed: none is      inconclusive  there is nothing to certify by
    required, or all are excused
    all passed or are excused           certified     on-launch if anything had to be installed,
                                                      else native; waivers do not change that
    ==================================  ============  ==========================================

    The reasons name each cause once. A rejection has the checks that failed by themselves, first
    those whose remedy answers most of the required checks, then the trouble, then one sentence on
    what is open. An inconclusive verdict has the trouble, then the unknown checks, with those of
    one message together.

    The checks are those of the profile in its order, then by id those that only have a finding, at
    the level of their claim. They have the outcome that counts, except that a skip stays a skip.
    """
    extra = sorted(findings.keys() - set(profile.checks))
    levels = {
        check: profile.level(check) or _own_level(claims, check)
        for check in (*profile.checks, *extra)
    }
    counted = {check: _counted(check, findings.get(check), trouble) for check in levels}
    found = Assessment(counted, claims, levels, waived or {})
    required = [check for check, level in levels.items() if level is Level.REQUIRED]
    passed = [check for check in required if found.passed(check)]
    unmet = [each for each in required if not found.passed(each) and not found.waiver(each)]
    roots = {check: found.root(check) for check in unmet}
    failed = found.by_relief(root for root in roots.values() if found.failed(root))
    unanswered = [check for check, root in roots.items() if not found.failed(root)]

    reasons: list[Reason] = []
    grade: Grade | None = None
    if failed:
        status = Status.REJECTED
        reasons += [found.rejection(root, roots) for root in failed]
        reasons += trouble_reasons(trouble)
        if unanswered:
            reasons.append(open_reason(unanswered))
    elif trouble or unanswered or not passed:
        status = Status.INCONCLUSIVE
        reasons += trouble_reasons(trouble)
        reasons += found.doubts(found.ordered(roots.values()))
        if not passed and not unanswered:
            what = "every required check is waived" if required else "no check is required"
            text = f"{what}, so there is nothing to certify by"
            remedy = "Choose a profile that requires what the image is to be certified for."
            reasons.append(Reason(check=None, text=text, remedy=remedy))
    else:
        status = Status.CERTIFIED
        grade = Grade.ON_LAUNCH if installed_at_launch else Grade.NATIVE
    verdict = Verdict(status=status, grade=grade, reasons=tuple(reasons))
    return verdict, tuple(found.check(check) for check in levels)


def _own_level(claims: Mapping[str, Claim], check: str) -> Level:
    """Return the level of a check that no profile names; without a claim it is required."""
    return claims[check].level if check in claims else Level.REQUIRED


def _counted(check: str, finding: Finding | None, trouble: Trouble | None) -> Finding:
    """Return the finding as it counts; see the first table of :func:`judge`."""
    if finding is None:
        return Finding(id=check, outcome=Outcome.UNKNOWN, message=NOT_RUN)
    if finding.outcome is not Outcome.FAILED or finding.fault is Fault.IMAGE:
        return finding
    if finding.fault is not None:
        return finding.model_copy(update={"outcome": Outcome.UNKNOWN})
    if trouble is None:
        return finding
    message = f"{finding.message or 'failed'} (the run broke down, so this proves nothing)"
    return finding.model_copy(update={"outcome": Outcome.UNKNOWN, "message": message})
