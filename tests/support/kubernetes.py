"""A stand-in for a Kubernetes API server, so that kubectl's commands can be run as they stand.

It knows namespaces, ConfigMaps, pods and admission policies, and admits pods as the policies say
that were applied to it (:mod:`tests.support.admission`). It runs nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.support.admission import refused

ADMISSION = "admissionregistration.k8s.io"
POLICIES, BINDINGS = "validatingadmissionpolicies", "validatingadmissionpolicybindings"
RESOURCES = {
    "/api/v1": {"namespaces": "Namespace", "configmaps": "ConfigMap", "pods": "Pod"},
    f"/apis/{ADMISSION}/v1": {
        POLICIES: "ValidatingAdmissionPolicy",
        BINDINGS: "ValidatingAdmissionPolicyBinding",
    },
}
NAMESPACED = {"configmaps", "pods"}
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{}}}}]
current-context: c
"""


class Refusal(Exception):
    """An answer that is an error: HTTP's code, Kubernetes' reason, and the message."""


class Objects:
    """What was applied, each by its path."""

    def __init__(self) -> None:
        self.by_path: dict[str, dict[str, Any]] = {}

    def get(self, path: str) -> dict[str, Any]:
        try:
            return self.by_path[path]
        except KeyError:
            raise Refusal(404, "NotFound", f"{path.rsplit('/', 1)[-1]} not found") from None

    def put(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        group, _, place = path.partition("/v1/")
        if place.startswith("namespaces/") and place.count("/") > 1:
            namespace = self.get(f"{group}/v1/{'/'.join(place.split('/')[:2])}")
            value["metadata"]["namespace"] = namespace["metadata"]["name"]
            if "/pods/" in path:
                self.admit(value, namespace)
        value["metadata"] |= {"uid": path, "resourceVersion": str(len(self.by_path) + 1)}
        self.by_path[path] = value
        return value

    def admit(self, pod: dict[str, Any], namespace: dict[str, Any]) -> None:
        for path, binding in list(self.by_path.items()):
            if f"/{BINDINGS}/" not in path:
                continue
            spec = binding["spec"]
            wanted = spec["matchResources"]["namespaceSelector"]["matchLabels"].items()
            if not wanted <= namespace["metadata"].get("labels", {}).items():
                continue
            policy = self.get(f"/apis/{ADMISSION}/v1/{POLICIES}/{spec['policyName']}")
            of = spec["paramRef"]
            place = f"/api/v1/namespaces/{of['namespace']}/configmaps/{of['name']}"
            why = refused(policy["spec"], pod, None, self.by_path.get(place))
            if why is not None:
                name, by = (
                    pod["metadata"]["name"],
                    f"ValidatingAdmissionPolicy '{spec['policyName']}'",
                )
                raise Refusal(
                    422, "Invalid", f'pods "{name}" is forbidden: {by} with binding'
                    f" '{binding['metadata']['name']}' denied request: {why}",
                )  # fmt: skip


def merged(old: Any, new: Any) -> Any:
    """RFC 7396."""
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    kept = {key: value for key, value in old.items() if key not in new}
    changed = {key: merged(old.get(key), value) for key, value in new.items() if value is not None}
    return kept | changed


def discovery(path: str) -> dict[str, Any] | None:
    """What kubectl asks to know the kinds of objects that there are."""
    version = {"groupVersion": f"{ADMISSION}/v1", "version": "v1"}
    group = {"name": ADMISSION, "versions": [version], "preferredVersion": version}
    fixed: dict[str, dict[str, Any]] = {
        "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]},
        "/openapi/v3": {"paths": {}},
    }
    if path in RESOURCES:
        verbs = ["create", "get", "list", "patch", "update"]
        resources = [
            {"name": name, "kind": kind, "namespaced": name in NAMESPACED, "verbs": verbs}
            for name, kind in RESOURCES[path].items()
        ]
        of = path.removeprefix("/apis/").removeprefix("/api/")
        return {"kind": "APIResourceList", "groupVersion": of, "resources": resources}
    return fixed.get(path)


@contextmanager
def answering(folder: Path) -> Iterator[tuple[Path, Objects]]:
    """The kubeconfig of a server, and its objects."""
    objects = Objects()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/openapi/v2":
                self.answer(200, b"", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            else:
                self.decide(lambda: discovery(path) or objects.get(path))

        def do_POST(self) -> None:
            value = self.body()
            path = f"{self.path.split('?')[0]}/{value['metadata']['name']}"
            self.decide(lambda: objects.put(path, value))

        def do_PATCH(self) -> None:
            value, path = self.body(), self.path.split("?")[0]
            applied = self.headers["Content-Type"] == "application/apply-patch+yaml"
            old = None if applied else objects.by_path.get(path)
            self.decide(lambda: objects.put(path, merged(old, value)))

        def body(self) -> Any:
            return yaml.safe_load(self.rfile.read(int(self.headers["Content-Length"])))

        def decide(self, work: Any) -> None:
            try:
                code, found = 200, work()
            except Refusal as refusal:
                code, reason, message = refusal.args
                found = {
                    "kind": "Status", "apiVersion": "v1", "status": "Failure",
                    "code": code, "reason": reason, "message": message,
                    "details": {"kind": "pods", "causes": [{"message": message}]},
                }  # fmt: skip
            self.answer(code, json.dumps(found).encode(), "application/json")

        def answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        config = folder / "kubeconfig"
        config.write_text(KUBECONFIG.format(port=server.server_address[1]), "utf-8")
        try:
            yield config, objects
        finally:
            server.shutdown()
            thread.join()
