"""Lists of what is attached to an image: broken ones, and ones without end."""

from __future__ import annotations

import http.server
import threading

import pytest

from certify.model.errors import ImageUnavailable
from certify.registry import referrers as referrers_module
from certify.registry.client import Registry as Client
from certify.registry.referrers import Referrers
from tests.factories import digest as a_digest

REPOSITORY = "team/app"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.mark.parametrize("raw", [b'{"manifests":[1]}', b'{"manifests":5}', b"{}", b"[]", b"\xff"])
def test_an_index_that_makes_no_sense_is_not_an_answer(raw: bytes) -> None:
    with pytest.raises(ImageUnavailable, match="a list of what is attached cannot be read"):
        referrers_module._entries(raw)


class Endless(http.server.BaseHTTPRequestHandler):
    """A registry whose list of referrers has always another page."""

    pages = 0

    def do_GET(self) -> None:
        Endless.pages += "/referrers/" in self.path
        entries = b'{"manifests": [%s]}' % b",".join([b"{}"] * 1000)
        self.send_response(200)
        self.send_header("Content-Length", str(len(entries)))
        self.send_header("Link", f'<{self.path}>; rel="next"')
        self.end_headers()
        self.wfile.write(entries if self.command == "GET" else b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


def test_a_list_without_end_is_not_read_to_the_end() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Client(f"127.0.0.1:{server.server_port}", lambda _: None) as client:
            with pytest.raises(ImageUnavailable, match="its list does not end"):
                Referrers(client, REPOSITORY).descriptors(a_digest(1), BUNDLE_TYPE)
        server.shutdown()
        thread.join()
    assert Endless.pages == 11, "of a thousand each"
