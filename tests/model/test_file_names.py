"""Names of the files about a result."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import product

from certify.model.file_names import certificate_stem, file_stem
from certify.model.result import Result


def test_names_are_unique_per_reference_profile_and_platform() -> None:
    parts = (["a:1", "a/1", "A:1"], ["plain", "devspace"], ["linux/amd64", "linux/arm64", None])
    stems = {file_stem(*each).lower() for each in product(*parts)}
    assert len(stems) == 3 * 2 * 3


def test_folders_are_those_of_the_digest_of_the_name() -> None:
    stems = [file_stem(f"app:{each}", "plain", "linux/amd64", "folders") for each in range(5_000)]
    for stem in stems[:99]:
        folder, _, name = stem.partition("/")
        assert folder == sha256(name.encode()).hexdigest()[:2]
    assert {stem.partition("/")[2] for stem in stems} == {
        file_stem(f"app:{each}", "plain", "linux/amd64") for each in range(5_000)
    }
    sizes = Counter(stem[:2] for stem in stems)
    assert len(sizes) == 256
    assert max(sizes.values()) < 50


def test_a_result_has_the_name_of_its_reference(native: Result) -> None:
    image = native.image
    assert certificate_stem(native) == file_stem(image.reference, native.profile, image.platform)
