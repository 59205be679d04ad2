"""What registries say, by the protocol: real ones, and such as lie, lag, limit or ask for more."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from certify.engine.client import Engine
from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.registry import client as module
from certify.registry import transport
from certify.registry.client import Registry as Client
from certify.registry.manifests import INDEX, MANIFEST
from certify.sweep.expand import Selection, expand
from certify.sweep.listing import parse_listing
from certify.util import tls as tls_module
from tests.support.misbehaving import Reply, forwarding, serving
from tests.support.registries import Registry, free_port, running

LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def anonymous(_host: str) -> None:
    return None


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        found.seed("team/app", "1")
        yield found


def digest_through(port: int, repository: str = "team/app") -> str:
    with Client(f"127.0.0.1:{port}", anonymous) as client:
        return client.digest(repository, "1")


# ------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_one_that_limits_requests_is_asked_again(registry: Registry, form: str) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    refusals = [Reply(429, b"{}", {"Retry-After": "0" if form == "seconds" else soon})] * 2
    asked: list[str] = []

    def instead(_method: str, path: str) -> Reply | None:
        if "/manifests/" not in path:
            return None
        asked.append(path)
        return refusals.pop() if refusals else None

    with serving(forwarding(registry.host, instead)) as port:
        assert digest_through(port) == registry.seed("team/app", "1")
    assert len(asked) == 3


def test_one_that_goes_on_limiting_is_given_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_PAUSES", (0, 0))
    reply = Reply(429, b"{}")
    with serving(forwarding(registry.host, lambda _m, p: reply if "/manif" in p else None)) as port:
        with pytest.raises(ImageUnavailable, match="limit of requests is reached"):
            digest_through(port)


@pytest.mark.parametrize(
    ("left", "pulls_left"),
    [("3;w=21600", 3), ("0", 0), ("many", None), ("-1", None), ("\xb2", None), ("9" * 5000, None)],
)
def test_what_may_still_be_pulled_is_told(
    registry: Registry, left: str, pulls_left: int | None
) -> None:
    digest = registry.seed("team/app", "1")
    told = {"Docker-Content-Digest": digest, "ratelimit-limit": "100;w=21600",
            "ratelimit-remaining": left}  # fmt: skip

    def instead(method: str, path: str) -> Reply | None:
        return Reply(200, b"", told) if "/manifests/" in path else None

    with serving(forwarding(registry.host, instead)) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            client.digest("team/app", "1")
            assert client.pulls_left == pulls_left


# ---------------------------------------------------------------------- several platforms


def an_index(registry: Registry, *entries: dict[str, object], kind: str = INDEX) -> str:
    body = {"schemaVersion": 2, "mediaType": kind, "manifests": list(entries)}
    return registry.put_manifest("team/many", "1", kind, json.dumps(body).encode())


def entry(registry: Registry, note: str, platform: str = "", **more: object) -> dict[str, object]:
    digest = registry.seed("team/many", "part", note)
    url = f"http://{registry.host}/v2/team/many/manifests/{digest}"
    size = int(
        requests.head(url, headers={"Accept": MANIFEST}, timeout=10).headers["Content-Length"]
    )
    parts = zip(("os", "architecture", "variant"), platform.split("/"), strict=False)
    named = {"platform": dict(parts)} if platform else {}
    return {"mediaType": MANIFEST, "digest": digest, "size": size, **named, **more}


@pytest.mark.parametrize("kind", [INDEX, LIST])
def test_the_platforms_of_an_index(registry: Registry, kind: str) -> None:
    listed = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "windows/amd64",
              "linux/amd64", "unknown/unknown"]  # fmt: skip
    notes = {"vnd.docker.reference.type": "attestation-manifest"}
    entries = [entry(registry, each, each) for each in listed]
    entries.append(entry(registry, "an attestation", annotations=notes))
    if kind == INDEX:
        entries.append(entry(registry, "says it in its configuration"))
    digest = an_index(registry, *entries, kind=kind)
    with Client(registry.host, anonymous) as client:
        assert client.platforms("team/many", digest) == [
            "linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64",
        ]  # fmt: skip
        alone = registry.seed("team/many", "alone")
        assert client.platforms("team/many", alone) == ["linux/amd64"]


def test_an_index_of_indexes_is_not_read_in_part(registry: Registry) -> None:
    inner = an_index(registry, entry(registry, "x", "linux/amd64"))
    digest = an_index(registry, {"mediaType": INDEX, "digest": inner, "size": 1})
    with Client(registry.host, anonymous) as client:
        with pytest.raises(ImageUnavailable, match="its index holds another index"):
            client.platforms("team/many", digest)


# ------------------------------------------------------------------------ hostile answers


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:{other}/v2/_catalog?n=1&last=x", "//127.0.0.1:{other}/v2/_catalog"]
)
def test_a_list_that_goes_on_elsewhere_is_not_followed(link: str) -> None:
    asked: list[str] = []

    def elsewhere(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(200, b'{"repositories": ["stolen"]}')

    with serving(elsewhere) as other:
        page = json.dumps({"repositories": ["team/app"]}).encode()
        reply = Reply(200, page, {"Link": f'<{link.format(other=other)}>; rel="next"'})
        with serving(lambda _method, _path: reply) as port:
            with Client(f"127.0.0.1:{port}", anonymous) as client:
                with pytest.raises(ImageUnavailable, match="continues at another address"):
                    list(client.repositories())
    assert asked == []


def test_tags_are_listed_page_by_page() -> None:
    def answer(_method: str, path: str) -> Reply:
        if "last=" in path:
            return Reply(200, b'{"tags": ["3"]}')
        more = {"Link": '</v2/team/app/tags/list?last=2>; rel="next"'}
        return Reply(200, b'{"tags": ["1", "2"]}', more)

    with serving(answer) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            assert list(client.tags("team/app")) == ["1", "2", "3"]


def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    monkeypatch.setattr(module, "MOST_PAGES", 5)
    page = json.dumps({"repositories": ["team/app"]}).encode()
    reply = Reply(200, page, {"Link": '</v2/_catalog?n=1&last=a>; rel="next"'})
    with serving(lambda _method, _path: reply) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable, match="does not end"):
                list(client.repositories())


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"repositories": 3}', b'{"repositories": [{"a": 1}]}', b"<html>"]
)
def test_a_list_that_is_none(body: bytes) -> None:
    with serving(lambda _method, _path: Reply(200, body)) as port:
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            with pytest.raises(ImageUnavailable, match="does not list its repositories"):
                list(client.repositories())


def test_a_name_that_cannot_be_is_said(tmp_path: Path) -> None:
    page = json.dumps({"repositories": ["team/\x1b[31mred"]}).encode()
    with serving(lambda _method, _path: Reply(200, page)) as port:
        entries = parse_listing(f"127.0.0.1:{port}/team/*:*\n", "list")

        class Tagged(Client):
            def tags(self, repository: str) -> Iterator[str]:
                return iter(["1"])

        wanted, (unlisted,) = expand(entries, lambda host: Tagged(host, anonymous), Selection())
    assert wanted == []
    assert "impossible name" in unlisted.trouble.message
    assert "\x1b" not in unlisted.trouble.message


def test_the_size_of_an_image_is_that_of_its_layers_for_one_platform() -> None:
    layers = [{"size": 2_000}, {"size": 500}, {"size": -9}]
    image = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
    digest = f"sha256:{hashlib.sha256(image).hexdigest()}"
    entry = {"digest": digest, "platform": {"os": "linux", "architecture": "arm64"}}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    documents = {"1": index, digest: image, "broken": b'{"schemaVersion": 2, "layers": 7}'}

    def answer(_method: str, path: str) -> Reply:
        return Reply(200, documents[path.rpartition("/")[2]])

    with serving(answer) as port, Client(f"127.0.0.1:{port}", anonymous) as client:
        for reference in ("1", digest):
            assert client.packed_bytes("team/app", reference, "linux/arm64") == 2_500
        assert client.packed_bytes("team/app", "1", "linux/amd64") == 0
        with pytest.raises(ImageUnavailable, match="does not read team/app:broken"):
            client.packed_bytes("team/app", "broken", "linux/amd64")


# ------------------------------------------------------------------- indexes and platforms


@pytest.mark.parametrize("media_type", [INDEX, LIST])
def test_an_index_leads_to_the_manifest_of_a_platform(registry: Registry, media_type: str) -> None:
    mine, other = registry.seed("team/multi", "x", "amd64"), registry.seed("team/multi", "y", "arm")
    entries = [
        {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform}
        for digest, platform in (
            (mine, {"os": "linux", "architecture": "amd64"}),
            (other, {"os": "linux", "architecture": "arm64", "variant": "v8"}),
        )
    ]
    for entry in entries:
        entry["size"] = len(
            requests.get(
                f"http://{registry.host}/v2/team/multi/manifests/{entry['digest']}",
                headers={"Accept": str(entry["mediaType"])}, timeout=10,
            ).content
        )  # fmt: skip
    body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})
    index = registry.put_manifest("team/multi", "1", media_type, body.encode())
    with Client(registry.host, anonymous) as client:
        assert client.digest("team/multi", "1") == index
        assert client.manifest_digests("team/multi", index, "linux/amd64") == [mine]
        assert client.manifest_digests("team/multi", index, "linux/arm64/v8") == [other]
        assert client.manifest_digests("team/multi", index, "linux/s390x") == []
        assert client.manifest_digests("team/multi", mine, "linux/amd64") == [mine]
    twice = [*entries, entries[1] | {"platform": entries[0]["platform"]}]
    body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": twice})
    index = registry.put_manifest("team/multi", "2", media_type, body.encode())
    with Client(registry.host, anonymous) as client:
        assert client.manifest_digests("team/multi", index, "linux/amd64") == sorted([mine, other])


# ------------------------------------------------------------------------------- logins


def configured(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: object) -> None:
    (folder / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


def helper(monkeypatch: pytest.MonkeyPatch, folder: Path, host: str) -> None:
    """A credential helper, by the protocol of docker-credential-helpers."""
    program = folder / "docker-credential-testing"
    secret = json.dumps({"ServerURL": host, "Username": "certify", "Secret": "certify"})
    program.write_text(
        f"#!/bin/sh\nread -r asked\n[ \"$1 $asked\" = 'get {host}' ] ||"
        " { echo 'credentials not found in native keychain'; exit 1; }\n"
        f"echo '{secret}'\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("locked"), password=True) as found:
        yield found


@pytest.mark.engine
@pytest.mark.parametrize("way", ["auths", "credHelpers", "credsStore"])
def test_the_logins_of_docker_are_used(
    engine: Engine, locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    helper(monkeypatch, tmp_path, locked.host)
    pair = base64.b64encode(b"certify:certify").decode()
    settings = {
        "auths": {"auths": {locked.host: {"auth": pair}}},
        "credHelpers": {"credHelpers": {locked.host: "testing"}},
        "credsStore": {"credsStore": "testing", "auths": {locked.host: {}}},
    }[way]
    configured(monkeypatch, tmp_path, settings)
    with engine.registry(locked.host) as client:
        with pytest.raises(ImageUnavailable, match="nothing by that name"):
            client.digest("team/none", "1")  # it let us in
        assert list(client.repositories()) == []


@pytest.mark.engine
def test_without_a_login_it_is_asked_for(
    engine: Engine, locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(monkeypatch, tmp_path, {})
    with engine.registry(locked.host) as client:
        with pytest.raises(ImageUnavailable, match="asks for a login"):
            client.digest("team/none", "1")


# ------------------------------------------------------------------------ TLS and tokens


class Authority:
    """A certificate authority of the test's own, and a certificate for loopback."""

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        address = x509.IPAddress(ip_address("127.0.0.1"))
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.crt, self.pem = folder / "ca.crt", folder / "key.pem"
        self.crt.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.pem.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def token(self, scope: str) -> str:
        """A token as the distribution project's documentation of its JWTs tells."""
        kind, name, actions = scope.rsplit(":", 2)
        now = int(time.time())
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": "test", "sub": "certify", "aud": "registry", "exp": now + 60, "nbf": now - 5,
            "iat": now, "jti": os.urandom(8).hex(),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }  # fmt: skip
        signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
        der_signature = self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der_signature)
        return f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tokens(authority: Authority) -> Iterator[tuple[int, list[str]]]:
    """A token server over TLS, with a password; its port and what was asked for."""
    asked: list[str] = []
    expected = "Basic " + base64.b64encode(b"certify:certify").decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scope = dict(parse_qsl(urlsplit(self.path).query)).get("scope", "")
            asked.append(scope)
            known = self.headers.get("Authorization") == expected
            body = json.dumps({"token": authority.token(scope)} if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.crt, authority.pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1]), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def trusting(
    monkeypatch: pytest.MonkeyPatch, folder: Path, authority: Authority, *hosts: str
) -> None:
    """The folder of certificates that Docker reads, with our authority for some hosts."""
    for host in hosts:
        (folder / host).mkdir(parents=True)
        (folder / host / "ca.crt").write_bytes(authority.crt.read_bytes())
    monkeypatch.setattr(transport, "CERTIFICATES", folder)
    # Loopback is lax, like Docker's; here it is to be as strict as any other address.
    monkeypatch.setattr(module, "is_loopback", lambda _host: False)


def test_tls_and_tokens(
    authority: Authority,
    tokens: tuple[int, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, asked = tokens
    # What is trusted here is to be trusted by no later test.
    monkeypatch.setattr(tls_module, "system_trust", ssl.create_default_context)
    tls = f", tls: {{certificate: {authority.crt}, key: {authority.pem}}}"
    realm = f"https://127.0.0.1:{port}/token"
    auth = (
        f"auth: {{token: {{realm: '{realm}', service: registry, issuer: test,"
        f" rootcertbundle: {authority.crt}}}}}\n"
    )
    with running(tmp_path, listens=tls, more=auth) as found:
        with monkeypatch.context() as strict:
            strict.setattr(module, "is_loopback", lambda _host: False)
            with Client(found.host, lambda _host: ("certify", "certify")) as client:
                with pytest.raises(ImageUnavailable, match=r"(?i)certificate|TLS"):
                    client.digest("team/app", "1")
        trusting(monkeypatch, tmp_path / "certs.d", authority, found.host)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.crt))  # of the token server
        with Client(found.host, lambda _host: ("certify", "certify")) as client:
            for _ in range(3):
                with pytest.raises(ImageUnavailable, match="nothing by that name"):
                    client.digest("team/app", "1")
        assert asked == ["repository:team/app:pull"], "one token serves all questions"
        with Client(found.host, anonymous) as client:
            with pytest.raises(ImageUnavailable, match="login"):
                client.digest("team/app", "1")


def test_an_insecure_registry_may_have_any_certificate(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = f", tls: {{certificate: {authority.crt}, key: {authority.pem}}}"
    with running(tmp_path, listens=tls) as found:
        with Client(found.host, anonymous) as client:
            assert list(client.repositories()) == []
        monkeypatch.setattr(module, "is_loopback", lambda _host: False)
        with Client(found.host, anonymous, insecure=True) as client:
            assert list(client.repositories()) == []


# ------------------------------------------------------------ registries without HEAD


HEADLESS: dict[str, Callable[[Reply], Reply]] = {
    "no digest": lambda right: right,
    "404": lambda _right: Reply(404),
    "405": lambda _right: Reply(405),
}


@pytest.mark.parametrize("name", HEADLESS)
def test_a_digest_is_computed_where_head_does_not_give_it(registry: Registry, name: str) -> None:
    asked: list[str] = []

    def manifest(path: str) -> bytes:
        url = f"http://{registry.host}{path}"
        return requests.get(url, headers={"Accept": MANIFEST}, timeout=10).content

    def instead(method: str, path: str) -> Reply | None:
        if "/manifests/" not in path:
            return None
        asked.append(method)
        right = Reply(200, manifest(path), {"Content-Type": MANIFEST})
        return HEADLESS[name](right) if method == "HEAD" else right

    digest = registry.seed("team/app", "1")
    with serving(forwarding(registry.host, instead)) as port:
        assert digest_through(port) == digest
        assert asked == ["HEAD", "GET"]
        with Client(f"127.0.0.1:{port}", anonymous) as client:
            size = len(manifest(f"/v2/team/app/manifests/{digest}"))
            found = client.describe("team/app", digest)
    assert found == {"mediaType": MANIFEST, "digest": digest, "size": size}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"schemaVersion": 1}'])
def test_nothing_is_the_digest_of_what_is_no_manifest(body: bytes) -> None:
    with serving(lambda _method, _path: Reply(200, body)) as port:
        with pytest.raises(ImageUnavailable, match="does not find team/app:1"):
            digest_through(port)


def test_a_tag_that_neither_head_nor_get_finds_is_not_there(registry: Registry) -> None:
    with Client(registry.host, anonymous) as client:
        with pytest.raises(NoSuchImage, match="nothing by that name"):
            client.digest("team/app", "none")


def test_a_certificate_file_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{free_port()}"
    (tmp_path / host).mkdir()
    (tmp_path / host / "ca.crt").write_text("nonsense")
    monkeypatch.setattr(transport, "CERTIFICATES", tmp_path)
    with Client(host, anonymous) as client:
        with pytest.raises(ImageUnavailable, match=r"ca\.crt cannot be used"):
            client.digest("team/app", "1")
