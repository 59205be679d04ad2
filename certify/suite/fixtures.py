"""The fixtures of checks. Only a run that certifies an image registers them."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from certify.suite.candidate import Candidate
from certify.suite.claims import Note
from certify.suite.nested import Nested


class Fixtures:
    """A pytest plugin that hands the candidate of this run to its checks."""

    def __init__(self, candidate: Candidate, note: Note) -> None:
        self._candidate = candidate
        self._note = note

    @pytest.fixture(scope="session")
    def candidate(self) -> Candidate:
        """Return the candidate under certification."""
        return self._candidate

    @pytest.fixture(scope="session")
    def host(self) -> Host:
        """Return testinfra's ``Host`` for the candidate, as root, over one long-lived shell."""
        return self._candidate.host

    @pytest.fixture(scope="session")
    def nested(self) -> Nested:
        """Return Docker inside the candidate."""
        return Nested(self._candidate)

    @pytest.fixture
    def note(self) -> Note:
        """Return a function that takes one line: the report of a passing check."""
        return self._note
