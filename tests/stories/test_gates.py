"""Every command of docs/gates.md, as it stands, with a real registry, kubectl and skopeo.

The cluster is a stand-in that admits by the policies which are applied to it, and conftest one that
asks a real engine of Rego.
"""

from __future__ import annotations

import functools
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.ledger.store import Ledger
from tests.conftest import SAMPLES
from tests.factories import a_certificate
from tests.support import kubernetes
from tests.support.pages import ROOT, run_page
from tests.support.registries import running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

CONFTEST = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from tests.support.rego import conftest
sys.exit(conftest(sys.argv[1:]))
"""
INSECURE = """\
[[registry]]
location = "{registry}"
insecure = true
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_page_does_what_it_says(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> None:
    if missing := [each for each in ("kubectl", "skopeo", "jq") if shutil.which(each) is None]:
        pytest.skip(f"needs {', '.join(missing)}; scripts/setup test installs them")
    reports = tmp_path / "reports"
    reports.mkdir()
    (tmp_path / "bin").mkdir()
    conftest = tmp_path / "bin/conftest"
    conftest.write_text(CONFTEST.format(python=sys.executable, root=str(ROOT)), "utf-8")
    conftest.chmod(0o755)
    with (
        running(tmp_path_factory.mktemp("registry")) as registry,
        kubernetes.answering(tmp_path) as (config, cluster),
        served(reports) as lists,
    ):
        certified(tmp_path, registry.push(f"{SAMPLES}/busybox", "team/base:1"), engine)
        registry.seed("team/other", "1")
        insecure = tmp_path / ".config/containers/registries.conf"
        insecure.parent.mkdir(parents=True)
        insecure.write_text(INSECURE.format(registry=registry.host), "utf-8")
        said = run_page(
            "gates.md", tmp_path, REGISTRY=registry.host, LISTS=lists, KUBECONFIG=str(config),
            HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path),
        )  # fmt: skip
        pods = [path for path in cluster.by_path if "/pods/" in path]
    assert pods == ["/api/v1/namespaces/demo/pods/base"]
    started = said['sh start-workspace "$REGISTRY/team/base:1"']
    assert f"a workspace of {registry.host}/team/base:1" in started
    refused = next(text for line, text in said.items() if " run tag " in line)
    assert "denied request: not named by a digest of the approved-images list: " in refused
    assert "revoked" in said['sh start-workspace "$REGISTRY/team/base:1" # exits with 1']


def certified(folder: Path, name: str, engine: Engine) -> None:
    """Record a certificate of an image of a registry, as a sweep would."""
    image = engine.client.images.pull(name)
    digest = next(each for each in image.attrs["RepoDigests"] if name[:-2] in each).split("@")[1]
    host, _, repository = name.removesuffix(":1").partition("/")
    with Ledger.open(f"sqlite:///{folder}/reports/certify.db") as ledger:
        ledger.record(
            a_certificate(
                image={"reference": name, "registry": host, "repository": repository,
                       "digest": digest, "manifest_digest": digest}
            )
        )  # fmt: skip
