"""Several runs of all checks on one image as one: an outcome that differs is flaky. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from certify.certification.observation import Observation
from certify.judge.startup import is_slow, medians
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome

_SEVERITY = (Outcome.PASSED, Outcome.SKIPPED, Outcome.UNKNOWN, Outcome.FAILED)


def observe_repeatedly(
    observe: Callable[[], Observation],
    times: int,
    is_doubtful: Callable[[Observation], bool] = lambda _: False,
) -> Observation:
    """Observe an image so many times, or until there is trouble, and return all as one.

    If the only run ``is_doubtful``, the image is observed once more.
    """
    runs = [observe()]
    if times == 1 and runs[0].trouble is None and is_doubtful(runs[0]):
        times = 2
    while len(runs) < times and runs[-1].trouble is None:
        runs.append(observe())
    return merged(runs) if len(runs) > 1 else runs[0]


def merged(runs: Sequence[Observation]) -> Observation:
    """Return several observations as one, with the worst outcome of each check.

    A check that passed and failed is flaky: it counts as failed, or as unknown on a slow host.
    """
    whole, last = runs[0], runs[-1]
    slow = any(run.host and run.host.calibration and is_slow(run.host.calibration) for run in runs)
    ids = dict.fromkeys(check for run in runs for check in run.findings)
    whole.findings = {
        check: _worst([run.findings[check] for run in runs if check in run.findings], slow=slow)
        for check in ids
    }
    whole.claims = {check: claim for run in runs for check, claim in run.claims.items()}
    whole.starts = [start for run in runs for start in run.starts]
    whole.facts |= medians(whole.starts)
    whole.host, whole.log, whole.trouble = last.host, last.log, last.trouble
    whole.timed_out = any(run.timed_out for run in runs)
    return whole


def _worst(found: Sequence[Finding], *, slow: bool) -> Finding:
    worst = max(found, key=lambda each: _SEVERITY.index(each.outcome))
    passed = sum(each.outcome is Outcome.PASSED for each in found)
    if worst.outcome is not Outcome.FAILED:
        return worst
    if not passed:
        failed = sum(each.outcome is Outcome.FAILED for each in found)
        return worst.model_copy(
            update={"message": f"{worst.message} (in {failed} of {len(found)} runs)"}
        )
    number = found.index(worst) + 1
    message = f"flaky: passed in {passed} of {len(found)} runs; in run {number}: {worst.message}"
    update: dict[str, object] = {"message": message, "flaky": True}
    if slow:
        message += "; but the host is slow"
        update |= {"message": message, "outcome": Outcome.UNKNOWN, "fault": Fault.HOST}
    return worst.model_copy(update=update)
