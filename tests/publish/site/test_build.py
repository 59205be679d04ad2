"""The files of the site."""

from __future__ import annotations

import json
from itertools import pairwise

from certify.model.file_names import certificate_stem
from certify.model.result import Result
from certify.publish.site.build import STATIC, frame_files, image_files, rows_file, version
from tests.factories import NOON


def test_details_are_a_script_only_where_there_are_any(native: Result, rejected: Result) -> None:
    stem = certificate_stem(rejected)
    files = dict(image_files(rejected, [], NOON))
    assert files.keys() == {f"images/{stem}.html", f"images/{stem}.js"}
    assert files[f"images/{stem}.js"].startswith(f'certifyDetails("{stem}",')
    assert [name for name, _ in image_files(native, [], NOON)] == [
        f"images/{certificate_stem(native)}.html"
    ]


def test_rows_keep_the_checks_of_a_group_together(one_of_each: list[Result]) -> None:
    name, parts = rows_file(one_of_each, NOON)
    assert name == "assets/rows.js"
    found = json.loads("".join(parts).removeprefix("window.CERTIFY = ").rstrip(";\n"))
    groups = [check.partition(".")[0] for check in found["checks"]]
    changes = sum(one != other for one, other in pairwise(groups))
    assert changes == len(set(groups)) - 1
    assert len(found["rows"]) == len(one_of_each)


def test_a_script_closes_no_tag(rejected: Result) -> None:
    image = rejected.image.model_copy(update={"reference": "</script><!--"})
    _, script = rows_file([rejected.model_copy(update={"image": image})], NOON)
    assert "<" not in "".join(script)


def test_every_site_has_the_same_frame() -> None:
    names = {name for name, _ in frame_files(None, {}, NOON)}
    assert names == {
        "index.html", "compare.html", "suggest.html", "seccomp.json",
        *(f"assets/{file.name}" for file in STATIC.iterdir()),
    }  # fmt: skip
    assert version() == version()
