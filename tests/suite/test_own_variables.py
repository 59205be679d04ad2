"""The variables of an image that keep something from working."""

from __future__ import annotations

from certify.suite.own_variables import hindering

ENV = ["PATH=/bin", "LANG=C", "EMPTY=", "ODD NAME=1", "$(x)=2", "LANG_2=a=b"]


def test_variables_are_taken_away_by_their_names_and_never_path() -> None:
    prefixes = []

    def works(prefix: str) -> bool:
        prefixes.append(prefix)
        return "-u LANG_2" in prefix

    assert hindering(ENV, works) == ["LANG_2"]
    assert prefixes[:2] == ["env", "env -u LANG -u EMPTY -u LANG_2"]
    assert hindering(["PATH=/nowhere"], works) == []
