"""The names of images that ``certify run`` records."""

from __future__ import annotations

from pathlib import Path

from certify.cli.run_images import is_known
from certify.ledger.store import Ledger
from certify.model.terms import Status
from tests.factories import a_certificate, a_result, digest

NAME = "docker.io/library/debiann:12"


def test_a_name_is_recorded_if_it_led_to_an_image_now_or_before(tmp_path: Path) -> None:
    missed = a_result(status=Status.INCONCLUSIVE, image={"reference": NAME})
    with Ledger.open(str(tmp_path / "certify.db")) as ledger:
        assert not is_known(missed, ledger), "it may be a slip of the hand"
        assert is_known(a_result(image={"reference": NAME, "digest": digest(1)}), ledger)
        ledger.record(a_certificate(image={"reference": NAME, "digest": digest(1)}))
        assert is_known(missed, ledger)


def test_a_ledger_that_fails_is_reported_when_the_result_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "certify.db"
    with Ledger.open(str(path)) as ledger:
        path.write_bytes(b"no database" * 1000)
        assert is_known(a_result(status=Status.INCONCLUSIVE, image={"reference": NAME}), ledger)
