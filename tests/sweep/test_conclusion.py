"""Shards that are merged give exactly what one sweep of the whole list gives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import ClassVar, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.engine.reaper import is_orphan, owner
from certify.judge.profiles import load
from certify.ledger.changes import SweepEntry
from certify.ledger.store import Ledger
from certify.ledger.sweeps import JOINED
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.reference import Reference
from certify.model.result import Result, Suite
from certify.model.result_key import ResultKey
from certify.model.shard import Shard
from certify.model.terms import Outcome, Status
from certify.publish.recorder import Recorder
from certify.publish.writer import update_reports
from certify.sweep import results as results_module
from certify.sweep import sweep as module
from certify.sweep.conclusion import Conclusion, Found, conclude, news_in
from certify.sweep.expand import ListedImage, UnlistedPattern
from certify.sweep.join import join_shards
from certify.sweep.news import Kind
from certify.sweep.plan import ResolvedImage
from certify.sweep.results import Record, ResultsByKey, hold, results_by_name
from certify.sweep.supply import Supply
from certify.sweep.sweep import Sweep
from tests.factories import NOW, a_check, a_result, digest

LIST, PLATFORM = "images.txt", "linux/amd64"
PROFILES = {name: load(name) for name in ("plain", "devspace")}
ENGINE = cast(Engine, SimpleNamespace(platform=PLATFORM, host=lambda: SimpleNamespace(kind="")))
TAGS = [f"r.example/team/app:{letter}" for letter in "abcd"]


@dataclass(frozen=True)
class Night:
    """What a registry and the images are like in one night."""

    number: int
    tags: dict[str, int | None]
    """The images that tags lead to; None if the registry does not say."""
    verdicts: dict[int, Status]
    revoked: int | None = None
    platforms: tuple[str, ...] = ()
    """Those of every index; empty if none was read."""
    ran: list[tuple[str | None, str]] = field(default_factory=list)
    """The images that were certified, and the profiles."""

    def certify(self, image: int, profile: str, reference: str) -> Result:
        status = self.verdicts[image]
        expired = image != 0
        moment = NOW - timedelta(hours=48 - self.number)
        of = digest(image)
        named = Reference.parse(reference).image_fields
        return a_result(
            status=status, moment=moment, profile=profile, suite=Suite(version="1", digest="1"),
            image={**named, "digest": of, "image_id": of, "platform": PLATFORM},
            expires_at=moment + timedelta(hours=0 if expired else 1000),
        )  # fmt: skip


statuses = st.sampled_from(Status)
images = st.one_of(st.none(), st.integers(0, 2))
nights = st.lists(
    st.builds(
        Night, st.just(0),
        st.dictionaries(st.sampled_from(TAGS), images, min_size=3),
        st.fixed_dictionaries(dict.fromkeys(range(3), statuses)),
        images,
    ),
    min_size=3, max_size=3,
)  # fmt: skip
"""Few tags and images, so that tags move, and images change their verdict, from night to night."""


class Host:
    """A scheduler that certifies what the night of its world says."""

    world: ClassVar[dict[str, Night]] = {}

    def __init__(self, *_: object, record: Record) -> None:
        self.record = record

    def stop(self) -> None:
        pass

    def run(self, due: Supply) -> ResultsByKey:
        night, found = self.world["now"], cast(ResultsByKey, {})
        while due:
            if (unit := due.next()) is None:
                due.wait(1)
                continue
            night.ran.extend((unit.reference.digest, each.name) for each in unit.profiles)
            image = int(str(unit.reference.digest).removeprefix("sha256:"), 16)
            results = [
                night.certify(image, each.name, unit.name.familiar) for each in unit.profiles
            ]
            found |= (named := results_by_name(unit, results))
            self.record(unit, named)
        return found


@pytest.fixture
def tonight(monkeypatch: pytest.MonkeyPatch) -> dict[str, Night]:
    """Let sweeps certify what the night that is put here says; all else is real."""
    world: dict[str, Night] = {}

    class Registry:
        def __init__(self, *_: object) -> None:
            pass

        def resolve(
            self, images: Sequence[ListedImage], _: object
        ) -> tuple[list[ResolvedImage], dict[str, int]]:
            tags, names = world["now"].tags, [each.reference.familiar for each in images]
            digests = {name: None if (n := tags[name]) is None else digest(n) for name in names}
            return [
                ResolvedImage(
                    name, profile, PLATFORM, digests[name], suite="1",
                    trouble=Trouble("it is silent"), platforms=world["now"].platforms,
                )
                for name in names
                for profile in PROFILES
            ], {}  # fmt: skip

    monkeypatch.setattr(module, "Resolver", Registry)
    monkeypatch.setattr(Host, "world", world)
    return world


def swept(
    ledger: Ledger,
    reports: Path,
    names: Sequence[str],
    shard: Shard | None,
    globs: Sequence[UnlistedPattern] = (),
) -> Conclusion:
    recorder = Recorder(ledger, reports)
    sweeping = Sweep(Engines(ENGINE), recorder, PROFILES, Options(), shard)
    with ledger.sweeps.running(LIST, f"host/{shard}/1", lambda _: True, str(shard or "")) as number:
        images = [ListedImage(Reference.parse(each)) for each in names]
        plan = sweeping.plan(images, ["plain"], force=False)
        new = sweeping.run(plan, Host, number)
        end = sweeping.finish(plan.keys, new, globs, number, LIST)
    assert not recorder.errors
    return end


def merged(ledger: Ledger, reports: Path, others: Sequence[Ledger]) -> Conclusion:
    ledger.exchange.take_in([each.exchange.lines(ledger.exchange.known) for each in others])
    recorder = Recorder(ledger, reports)
    found = join_shards(ledger, ledger.sweeps.waiting())
    with ledger.sweeps.running(LIST, "merge/1/1", lambda _: True, JOINED) as number:
        end = conclude(recorder, number, found)
    assert not recorder.errors
    return end


def state(ledger: Ledger) -> object:
    """All that people see of a ledger: the matrix, and what the next sweep is compared with."""
    entries = ledger.sweeps.entries(ledger.sweeps.finished(1, LIST)[0].id)
    entries = [replace(each, recording="") for each in entries]
    return timeless(ledger.matrix_results()), sorted(entries, key=key_of)


def timeless(results: Sequence[Result]) -> list[Result]:
    """The results, those of images that were not found at one moment: theirs is the real one."""
    moments = dict.fromkeys(("started_at", "finished_at", "expires_at"), NOW)
    return [each if each.image.digest else each.model_copy(update=moments) for each in results]


def key_of(entry: SweepEntry) -> ResultKey:
    return entry.key


@contextmanager
def ledger_in(folder: Path, base: Path | None = None) -> Iterator[Ledger]:
    folder.mkdir(parents=True)
    if base is not None:
        shutil.copy(base, folder / "certify.db")
    with Ledger.open(str(folder / "certify.db")) as ledger:
        yield ledger


@settings(
    max_examples=4, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate],
)  # fmt: skip
@given(nights=nights, count=st.integers(1, 4), order=st.permutations(range(4)), one=st.booleans())
def test_merged_shards_give_what_one_sweep_gives(
    tonight: dict[str, Night], nights: list[Night], count: int, order: list[int], one: bool
) -> None:
    """Each shard has a copy of the merged ledger of the night before, or all share ``one``."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        alone = stack.enter_context(ledger_in(folder / "alone"))
        base = None
        for number, each in enumerate(nights):
            tonight["now"] = night = replace(each, number=number, ran=[])
            names = list(each.tags)
            with ExitStack() as of_night:
                target = of_night.enter_context(ledger_in(folder / f"{number}-all", base))
                for ledger in (alone, target):
                    if each.revoked is not None:
                        ledger.revocations.add(digest(each.revoked), "r.example/x", "back door")
                shards = []
                for part in (part for part in order if part < count):
                    shard = Shard(part + 1, count)
                    mine = target
                    if not one:
                        shards.append(
                            mine := of_night.enter_context(
                                ledger_in(folder / f"{number}-{part}", folder / "copy")
                                if base else ledger_in(folder / f"{number}-{part}")
                            )
                        )  # fmt: skip
                        if each.revoked is not None:
                            mine.revocations.add(digest(each.revoked), "r.example/x", "back door")
                    swept(mine, folder / "reports", names[::-1] if part % 2 else names, shard)
                ran = sorted(night.ran)
                night.ran.clear()
                expected = swept(alone, folder / "reports", names, None)
                found = merged(target, folder / "reports", shards)
                assert sorted(night.ran) == ran, "no image is certified twice"
                assert timeless(found.results) == timeless(expected.results)
                assert found.changes == expected.changes
                assert found.entries == expected.entries
                assert state(target) == state(alone)
            base = folder / f"{number}-all" / "certify.db"
            shutil.copy(base, folder / "copy")


def test_an_image_is_certified_in_one_shard_under_all_its_names(
    tonight: dict[str, Night], tmp_path: Path
) -> None:
    tonight["now"] = night = Night(0, dict.fromkeys(TAGS, 1), {1: Status.CERTIFIED})
    for part in range(4):
        with ledger_in(tmp_path / str(part)) as ledger:
            swept(ledger, tmp_path / "reports", TAGS, Shard(part + 1, 4))
    assert sorted(night.ran) == [(digest(1), "devspace"), (digest(1), "plain")]


def test_what_a_sweep_holds_in_short_is_whole_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "WHOLE_RESULTS", 1)
    results = [
        a_result(
            image={"reference": name, "digest": digest(number), "platform": PLATFORM},
            moment=NOW,
            checks=(a_check("x.y", Outcome.FAILED, evidence="a long story"),) * (number % 3),
            log="what it wrote",
        )
        for number, name in enumerate(TAGS)
    ]
    held: ResultsByKey = {}
    with (
        Ledger.open(str(tmp_path / "certify.db")) as ledger,
        Recorder(ledger, tmp_path) as recorder,
    ):
        number = ledger.sweeps.begin(LIST, owner(), is_orphan)
        new = {ResultKey.of(each): each for each in results}
        recordings = {key: recorder.record(each) for key, each in new.items()}
        hold(held, new)
        end = conclude(recorder, number, Found(LIST, frozenset(new), held, recordings))
        assert [each.log for each in end.results] == ["what it wrote", "", "", ""]
        assert list(end.whole) == results
        part = ledger.sweeps.begin(LIST, owner(), is_orphan, "1/1")
        conclude(recorder, part, Found(LIST, frozenset(new), held, recordings), None, Shard(1, 1))
        found = join_shards(ledger, ledger.sweeps.waiting())
        assert [each.log for each in found.new.values()].count("what it wrote") == 1
        joined = conclude(recorder, ledger.sweeps.begin(LIST, owner(), is_orphan, JOINED), found)
        assert list(joined.whole) == results
        assert not recorder.errors


def test_a_name_that_never_led_to_an_image_is_not_recorded(
    tonight: dict[str, Night], tmp_path: Path
) -> None:
    good, typo, gone = TAGS[:3]
    tonight["now"] = night = Night(
        0, {good: 1, gone: 2, typo: None}, dict.fromkeys((1, 2), Status.CERTIFIED)
    )
    with ledger_in(tmp_path / "x") as ledger:
        recorder = Recorder(ledger, tmp_path / "reports")

        def ended(*names: str) -> Conclusion:
            return swept(ledger, tmp_path / "reports", names, None)

        def recorded() -> set[str]:
            return {row.key.reference for row in ledger.matrix_rows()}

        def told(end: Conclusion) -> set[tuple[Kind, str, bool]]:
            news = news_in(recorder, end)
            return {(each.kind, each.entry.reference, bool(each.page)) for each in news}

        first = ended(good, typo, gone)
        assert recorded() == {good, gone}
        assert (Kind.INCONCLUSIVE, typo, False) in told(first)
        unclear = {each.image.reference for each in first.results if each.image.digest is None}
        assert unclear == {typo}, "those who asked are told all the same"
        assert {each.reference for each in first.entries if not each.identity} == {typo}
        night.tags[gone] = None
        second = ended(good, typo, gone)
        assert told(second) == {(Kind.INCONCLUSIVE, gone, True)}, "each thing once"
        assert len(ledger.history(gone)) == 4, "what was certified once has a history"
        assert told(ended(good)) == {(Kind.VANISHED, name, False) for name in (gone, typo)}
        assert recorded() == {good, gone}
        assert not ledger.history(typo)


def test_a_name_that_an_older_certify_recorded_is_forgotten(
    tonight: dict[str, Night], tmp_path: Path
) -> None:
    good, typo = TAGS[:2]
    tonight["now"] = Night(0, {good: 1, typo: None}, {1: Status.CERTIFIED})
    with ledger_in(tmp_path / "x") as ledger:
        unfound = {**Reference.parse(typo).image_fields, "platform": PLATFORM}
        ledger.record(a_result(image=unfound, status=Status.INCONCLUSIVE, moment=NOW))
        assert ledger.history(typo)
        swept(ledger, tmp_path / "reports", (good, typo), None)
        assert not ledger.history(typo)
        assert ledger.history(good)


def test_a_platform_that_no_engine_runs_stays_recorded(
    tonight: dict[str, Night], tmp_path: Path
) -> None:
    """Its index was read, so the name leads to an image, though this shard has none of it."""
    tonight["now"] = Night(0, {TAGS[0]: None}, {}, platforms=(PLATFORM, "linux/arm64"))
    with ledger_in(tmp_path / "x") as ledger:
        for shard in (Shard(1, 1), None):
            end = swept(ledger, tmp_path / "reports", TAGS[:1], shard)
            assert not end.never_found
        assert {row.key.reference for row in ledger.matrix_rows()} == {TAGS[0]}
        update_reports(tmp_path / "reports", ledger)
    assert "Not found by" not in (tmp_path / "reports/index.html").read_text("utf-8")


def test_the_sweep_keeps_which_parts_of_its_list_have_no_image(
    tonight: dict[str, Night], tmp_path: Path
) -> None:
    tonight["now"] = Night(0, {TAGS[0]: 1, TAGS[1]: None}, {1: Status.CERTIFIED})
    trouble = ImageUnavailable("r.example does not answer")
    globs = [UnlistedPattern("r.example/other/*", line, trouble) for line in (3, 4)]
    with ledger_in(tmp_path / "x") as ledger:
        for _ in range(2):
            end = swept(ledger, tmp_path / "reports", TAGS[:2], None, globs)
            assert len(end.entries) == 2 * len(PROFILES) + 1
        number = ledger.sweeps.finished(1, LIST)[0].id
        found = {(each.reference, each.cause) for each in ledger.sweeps.unfound(number)}
        assert not end.changes, "a glob is no image that appears"
    assert found == {
        ("r.example/other/*", "r.example does not answer"), (TAGS[1], "it is silent"),
    }  # fmt: skip
