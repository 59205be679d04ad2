"""The rank of a boot: against the certified images of the same profile, each counted once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from certify.ledger.matrix_rows import MatrixRow
from certify.ledger.store import Ledger
from certify.model.result import BootRank, Image, Result, Startup
from certify.model.terms import Status
from certify.publish.boot_rank import BootRanks
from certify.publish.recorder import Recorder
from tests.factories import NOW, a_certificate, digest


def row(number: int, boot: float | None, **changes: object) -> MatrixRow:
    fields = {
        "id": number, "reference": f"a:{number}", "registry": None, "repository": None, "tag": None,
        "platform": "linux/amd64",
        "profile": "devspace", "expires_at": NOW, "status": Status.CERTIFIED, "boot_seconds": boot,
    }  # fmt: skip
    return MatrixRow(**(fields | changes))  # type: ignore[arg-type]


def certificate(number: int, boot: float | None) -> Result:
    own = {
        "reference": f"a:{number}", "tag": str(number), "digest": digest(number),
        "platform": "linux/amd64",
    }  # fmt: skip
    known = a_certificate(startup=Startup(boot_seconds=boot), profile="devspace")
    image = Image.model_validate(known.image.model_dump() | own)
    return known.model_copy(update={"image": image})


def test_the_own_row_and_other_profiles_do_not_count() -> None:
    rows = [
        row(1, 1.0), row(2, 2.0), row(3, 3.0), row(4, 4.0), row(5, None),
        row(6, 0.1, profile="devspace-fast"), row(7, 0.1, status=Status.REJECTED),
        row(3, 3.0, reference="another:name"),
    ]  # fmt: skip
    ranks = BootRanks(rows)
    assert ranks.rank(certificate(2, 2.0)) == BootRank(rank=2, images=4, faster_than_percent=66)
    # It boots faster than the certificate that its row still shows.
    assert ranks.rank(certificate(4, 0.5)) == BootRank(rank=1, images=4, faster_than_percent=100)
    assert ranks.rank(certificate(9, 9.0)) == BootRank(rank=5, images=5, faster_than_percent=0)


def test_what_is_alone_was_not_timed_or_not_certified_has_none() -> None:
    ranks = BootRanks([row(1, 1.0)])
    assert ranks.rank(certificate(1, 1.0)) is None
    assert ranks.rank(certificate(2, None)) is None
    rejected = certificate(2, 1.0)
    verdict = rejected.verdict.model_copy(update={"status": Status.REJECTED})
    assert ranks.rank(rejected.model_copy(update={"verdict": verdict})) is None


@given(st.lists(st.integers(1, 6), min_size=2, max_size=8))
def test_ranks_are_those_of_a_table_of_all(boots: list[int]) -> None:
    ranks = BootRanks([row(number, float(boot)) for number, boot in enumerate(boots)])
    for number, boot in enumerate(boots):
        found = ranks.rank(certificate(number, float(boot)))
        assert found is not None
        assert found.rank == 1 + sum(other < boot for other in boots)
        slower = sum(other > boot for other in boots)
        assert found.faster_than_percent == 100 * slower // (len(boots) - 1)


def test_a_run_tells_the_rank_and_records_it_not(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/certify.db") as ledger:
        recorder = Recorder(ledger, tmp_path / "reports")
        results = [
            certificate(number, float(number)).model_copy(
                update={"finished_at": NOW, "expires_at": NOW + timedelta(days=30)}
            )
            for number in (1, 2, 3)
        ]
        for result in results:
            recorder.record(result)
        final = recorder.finish(results)
        assert [each.boot_rank and each.boot_rank.rank for each in final] == [1, 2, 3]
        assert {each.boot_rank for each in ledger.matrix_results()} == {None}
        page = next((tmp_path / "reports" / "images").glob("a_2*.html")).read_text()
        assert "rank 2 of 3, faster than 50 %" in page
