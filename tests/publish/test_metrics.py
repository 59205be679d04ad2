"""Metrics, read by Prometheus' own parsers of both formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from certify.ledger.sweeps import FinishedSweep
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.metrics import image_metrics, sweep_metrics
from tests.publish.test_markdown import HOSTILE, STEADY, with_words

Samples = dict[str, list[tuple[dict[str, str], float]]]


def samples(text: str) -> Samples:
    found: list[Samples] = []
    for parse in (prometheus, open_metrics):
        families = list(parse(text))
        assert all(family.type == "gauge" and family.documentation for family in families)
        found.append(
            {
                f.name: [(each.labels, each.value) for each in f.samples]
                for f in families
                if f.samples
            }
        )
    assert found[0] == found[1]
    return found[0]


def test_each_image_has_its_verdict_and_times(one_of_each: list[Result]) -> None:
    found = samples("".join(image_metrics(one_of_each)))
    verdicts = [labels["status"] for labels, value in found["certify_image_verdict"] if value == 1]
    assert verdicts == [each.verdict.status.value for each in one_of_each]
    boots = [each.startup.boot_seconds for each in one_of_each]
    seen = [value for _, value in found["certify_image_boot_seconds"]]
    assert seen == [each for each in boots if each is not None]
    ends = [value for _, value in found["certify_image_expires_timestamp_seconds"]]
    assert len(ends) == verdicts.count("certified")
    at = [value for _, value in found["certify_image_result_timestamp_seconds"]]
    assert at == [each.finished_at.timestamp() for each in one_of_each]


def named(result: Result, name: str) -> Result:
    image = result.image.model_copy(update={"reference": name})
    return result.model_copy(update={"image": image})


def test_inconclusive_images_are_counted_by_cause(unreachable: Result) -> None:
    several = [named(unreachable, f"app:{n}") for n in range(3)]
    ((labels, count),) = samples("".join(image_metrics(several)))["certify_inconclusive_images"]
    assert count == 3
    assert labels["check"] == (unreachable.verdict.reasons[0].check or "none")


def test_the_last_sweep_of_each_list_counts() -> None:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    sweeps = [
        FinishedSweep(3, "a.txt", at, at + timedelta(minutes=2)),
        FinishedSweep(2, "b.txt", at, at + timedelta(minutes=1)),
        FinishedSweep(1, "a.txt", at, at + timedelta(minutes=9)),
        FinishedSweep(0, "clock.txt", at, at - timedelta(days=3)),
    ]
    tallies = {3: {Status.CERTIFIED: 7, Status.INCONCLUSIVE: 1}, 1: {Status.REJECTED: 5}}
    read = samples("".join(sweep_metrics(sweeps, lambda number: tallies.get(number, {}))))
    assert [(labels, value) for labels, value in read["certify_sweep_images"]] == [
        ({"list": "a.txt", "status": "certified"}, 7),
        ({"list": "a.txt", "status": "inconclusive"}, 1),
    ]
    found = read["certify_sweep_duration_seconds"]
    assert sorted((labels["list"], value) for labels, value in found) == [
        ("a.txt", 120),
        ("b.txt", 60),
        ("clock.txt", 0),
    ]


@STEADY
@given(words=HOSTILE)
def test_whatever_a_name_holds_it_is_one_sample(one_of_each: list[Result], words: str) -> None:
    results = [
        named(with_words(each, words), f"{words}:{number}")
        for number, each in enumerate(one_of_each)
    ]
    found = samples("".join(image_metrics(results)))
    assert len(found["certify_image_verdict"]) == len(one_of_each)
