"""What an image of another package manager holds, and what changed inside it (``make worlds``)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.ledger.store import Ledger
from certify.model.inventory import unpack
from tests.conftest import Certify
from tests.stories.worlds.worlds import Cell

pytestmark = [pytest.mark.engine, pytest.mark.worlds]

COMES = "COPY --from=certify-world/packages /repo/changing /changing\nRUN "
"""A package in two versions, in the forms of all families."""
DNF = "dnf -y --disablerepo='*' install /changing/rpm/changing-{}-1.*.rpm"
RPM = "rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\\n'"
INSTALLS = {
    "dnf4": DNF,
    "dnf5": DNF,
    # Debian's rpm looks for its database elsewhere than that of SUSE, which is zypper's.
    "zypper": "mkdir -p /etc/rpm; echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros.dbpath;"
    " zypper -n --no-refresh install --allow-unsigned-rpm /changing/rpm/changing-{}-1.*.rpm",
    "pacman": "pacman -U --noconfirm /changing/pacman/changing-{}-1-any.pkg.tar.zst",
    "apk": "apk add --allow-untrusted --no-network /changing/apk/{}/changing-{}-r0.apk",
}
LISTS = {
    "dnf4": RPM,
    "dnf5": RPM,
    "zypper": RPM,
    "pacman": "for d in /var/lib/pacman/local/*/desc; do"
    " sed -n '/^%NAME%/{n;p};/^%VERSION%/{n;p}' $d | tr '\\n' ' '; echo; done",
    "apk": "awk -F: '/^P:/{p=$2} /^V:/{print p, $2}' /lib/apk/db/installed",
}
"""Commands that list all packages another way than certify does, where the family has one."""


@pytest.mark.parametrize("family", INSTALLS)
def test_a_package_of_another_version_is_named(
    engine: Engine, certify: Certify, server: str, tmp_path: Path, family: str
) -> None:
    tag = f"certify-test/inventory-{family}:1"
    lines = Cell(family, "none").dockerfile(server) + COMES
    before, after = ("1-r0", "2-r0") if family == "apk" else ("1-1", "2-1")
    try:
        for number in ("1", "2"):
            lines += INSTALLS[family].format(number, number) + "\n"
            engine.client.images.build(fileobj=io.BytesIO(lines.encode()), tag=tag, rm=True)
            words = ("--network", "bridge", "--profile", "plain", "--format", "json")
            ended = certify("run", tag, "--pull", "never", *words)
            assert ended.result.verdict.status == "certified", ended.result.verdict
            lines += "RUN "
        listed = engine.client.containers.run(tag, ["sh", "-c", LISTS[family]], remove=True)
        (found,) = certify("diff", tag, "--format", "json").json()["comparisons"]
        told = certify("diff", tag).out
        with Ledger.open(str(tmp_path / "reports/certify.db")) as ledger:
            inventory = unpack(ledger.history(tag)[0].inventory)
    finally:
        engine.client.images.remove(tag, force=True)
    change = {"kind": "package", "name": "changing", "before": before, "after": after}
    assert found["inside"] == [change]
    assert f"package changing {before} → {after}" in told
    assert inventory is not None
    assert inventory["package"] == dict(each.split() for each in listed.decode().splitlines())
