"""Marks of images: those of runs that were killed go, and no name of a user's with them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine import image_marks, reaper
from certify.engine.client import Engine
from certify.engine.errors import APIError, ImageNotFound
from certify.engine.image_marks import add_mark, inspect, mark_of, remove_orphans
from certify.engine.images import MARK, marks
from certify.model.errors import EngineUnavailable

ID = "sha256:" + "1" * 64
HERE = reaper.owner().partition("/")[0]
GONE, ELSEWHERE = f"{HERE}/999999999/1", "another-machine/1/1"
PINNED, SECOND = f"r.invalid/app@{ID}", f"r.invalid/copy@{ID}"


class Images:
    """An engine's images, each with its names."""

    def __init__(self, *names: Sequence[str], refuses: bool = False) -> None:
        self.names = {f"sha256:{number}": list(each) for number, each in enumerate(names)}
        self.refuses = refuses

    def images(self, name: str) -> list[dict[str, Any]]:
        """Summaries; an older engine does not filter by name."""
        assert name == MARK
        return [self.described(each) for each in self.names]

    def described(self, image: str) -> dict[str, Any]:
        names = self.names[image]
        tags = [each for each in names if "@" not in each]
        return {"Id": image, "RepoTags": tags or None, "RepoDigests": [*({*names} - {*tags})]}

    def get(self, name: str) -> SimpleNamespace:
        for image, names in self.names.items():
            if name in (image, *names):
                return SimpleNamespace(attrs=self.described(image))
        raise ImageNotFound("no such image")

    def remove(self, name: str) -> None:
        for names in self.names.values():
            if name in names:
                names.remove(name)
                return
        raise ImageNotFound("no such image")

    def tag(self, image: str, repository: str, tag: str, *, force: bool) -> None:
        if self.refuses:
            raise APIError("read-only")
        self.names[image].append(f"{repository}:{tag}")


def engine_with(images: Images) -> Engine:
    return cast(Engine, SimpleNamespace(client=SimpleNamespace(api=images, images=images)))


def mark(owner: str) -> str:
    """The mark that a process made."""
    return mark_of(ID).replace(reaper.owner().replace("/", "_"), owner.replace("/", "_"))


MINE = mark_of(ID)


@pytest.mark.parametrize(
    ("names", "everything", "left"),
    [
        ([mark(GONE)], False, []),
        ([mark(GONE), PINNED], False, []),  # pulled by its digest
        ([mark(GONE), PINNED, SECOND], False, [PINNED, SECOND]),  # one of them is somebody else's
        ([mark(GONE), "mine:1", PINNED], False, ["mine:1", PINNED]),
        ([mark(GONE), MINE, PINNED], False, [MINE, PINNED]),  # another run needs it
        ([MINE, PINNED], False, [MINE, PINNED]),
        ([MINE, PINNED], True, []),
        ([mark(ELSEWHERE)], False, [mark(ELSEWHERE)]),
        ([mark(ELSEWHERE), "mine:1"], True, ["mine:1"]),
        (["mine:1", PINNED], True, ["mine:1", PINNED]),
        (["certify-pulled-by-hand:1"], True, ["certify-pulled-by-hand:1"]),
        ([], True, []),
    ],
)
def test_what_a_killed_run_brought_goes_and_names_of_others_stay(
    names: list[str], everything: bool, left: list[str]
) -> None:
    images = Images(names, ["other:1"])
    removed = remove_orphans(engine_with(images), everything=everything)
    assert images.names == {"sha256:0": left, "sha256:1": ["other:1"]}
    assert removed == (left != names)


def test_an_image_that_another_process_removed_first_is_passed_over() -> None:
    images = Images([mark(GONE)])
    listed = [{"Id": "sha256:gone", "RepoTags": [mark(GONE)]}, images.described("sha256:0")]
    assert remove_orphans(engine_with(images), images=listed) == 1


def test_a_mark_is_a_valid_tag_of_this_process_for_one_image() -> None:
    repository, _, tag = MINE.partition(":")
    assert repository == MARK and len(tag) <= 128 and "/" not in tag
    assert image_marks._owner_of(MINE) == reaper.owner()
    assert mark_of(ID.replace("1", "2")) != MINE


def test_an_image_is_marked_unless_its_engine_refuses() -> None:
    images = Images(["mine:1"])
    add_mark(engine_with(images), "sha256:0")
    assert marks(inspect(engine_with(images), "mine:1")) == {mark_of("sha256:0")}
    refusing = engine_with(Images(["mine:1"], refuses=True))
    add_mark(refusing, "sha256:0")
    assert marks(inspect(refusing, "mine:1")) == set()
    assert inspect(refusing, "none:1") == {}


def test_an_engine_that_is_gone_is_told() -> None:
    class Silent(Images):
        def images(self, name: str) -> list[dict[str, Any]]:
            raise ConnectionResetError("it is gone")

    with pytest.raises(EngineUnavailable):
        remove_orphans(engine_with(Silent()))
