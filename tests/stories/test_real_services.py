"""Real services under profile ``service``: four of Debian's, and a program without a shell."""

from __future__ import annotations

import io
import secrets
import tarfile
from dataclasses import dataclass

import pytest

from certify.engine.client import Engine
from certify.model.terms import Outcome
from tests.conftest import SAMPLES, Certify

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]
INSTALL = f"FROM {SAMPLES}/debian\nRUN apt-get update && apt-get install -y --no-install-recommends"


@dataclass(frozen=True)
class Real:
    """The Dockerfile of a service, and what it is given."""

    dockerfile: str
    env: tuple[str, ...] = ()


SERVICES = {
    "redis": Real(
        f"{INSTALL} redis-server && mkdir /data && chown redis: /data\nUSER redis\nVOLUME /data\n"
        'EXPOSE 6379\nHEALTHCHECK --interval=1s CMD ["redis-cli", "ping"]\n'
        'CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/data"]\n'
    ),
    "memcached": Real(
        f"{INSTALL} memcached\nUSER nobody\nEXPOSE 11211\n"
        'CMD ["memcached", "-l", "0.0.0.0", "-m", "16"]\n'
    ),
    "nginx": Real(
        f"{INSTALL} nginx-light && ln -sf /dev/stdout /var/log/nginx/access.log"
        " && ln -sf /dev/stderr /var/log/nginx/error.log"
        " && sed -i 's/listen 80 default_server;/listen 8080;/; /\\[::\\]/d'"
        " /etc/nginx/sites-enabled/default && sed -i '/^user/d; s,^pid .*,pid /tmp/nginx.pid;,'"
        " /etc/nginx/nginx.conf && chown -R www-data: /var/lib/nginx\n"
        "USER www-data\nEXPOSE 8080\nSTOPSIGNAL SIGQUIT\n"
        'CMD ["nginx", "-e", "stderr", "-g", "daemon off;"]\n'
    ),
    "postgresql": Real(
        f"{INSTALL} postgresql-15 && mkdir /data && chown postgres: /data"
        " && printf '%s\\n' '#!/bin/sh' 'set -e' 'PATH=$PATH:/usr/lib/postgresql/15/bin'"
        ' \'[ -e /data/PG_VERSION ] || { echo "$POSTGRES_PASSWORD" >/tmp/p;'
        " initdb -D /data -A scram-sha-256 --pwfile /tmp/p; rm /tmp/p;"
        ' echo "host all all all scram-sha-256" >>/data/pg_hba.conf; }\''
        " 'exec postgres -D /data -c listen_addresses=\"*\" -k /tmp' >/start"
        " && chmod 755 /start\nUSER postgres\nVOLUME /data\nEXPOSE 5432\nSTOPSIGNAL SIGINT\n"
        'HEALTHCHECK --interval=1s CMD ["/usr/lib/postgresql/15/bin/pg_isready", "-h",'
        ' "127.0.0.1"]\nCMD ["/start"]\n',
        ("POSTGRES_PASSWORD=only a test",),
    ),
    "static": Real(
        f"{INSTALL} gcc libc6-dev\nCOPY serve.c /\nRUN gcc -static -o /serve /serve.c\n"
        "FROM scratch\nCOPY --from=0 /serve /serve\nUSER 65534\nEXPOSE 8080\n"
        'CMD ["/serve"]\n'
    ),
}
SERVE = r"""
#include <arpa/inet.h>
#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(0); }
int main(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(8080)};
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  signal(SIGTERM, end);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 8)) return 1;
  write(1, "ready\n", 6);
  for (;;) {
    int guest = accept(listener, 0, 0);
    write(guest, "hello\n", 6);
    close(guest);
  }
}
"""
"""A service of one static program, which ends when it is told to."""


def context(dockerfile: str) -> io.BytesIO:
    """A build context with a program in C beside the Dockerfile."""
    files = {"Dockerfile": dockerfile.encode(), "serve.c": SERVE.encode()}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive.seek(0)
    return archive


@pytest.mark.parametrize("name", SERVICES)
def test_a_real_service_is_certified(certify: Certify, engine: Engine, name: str) -> None:
    real, tag = SERVICES[name], f"certify-test/{secrets.token_hex(4)}:latest"
    archive = context(real.dockerfile)
    engine.client.images.build(fileobj=archive, custom_context=True, tag=tag, rm=True)
    try:
        words = ["run", "--profile", "service", "--pull", "never", "--format", "json"]
        words += ["--base", f"{SAMPLES}/debian-devspace"]
        words += [word for each in real.env for word in ("--env", each)]
        ended = certify(*words, tag)
    finally:
        engine.client.images.remove(tag, force=True)
    wrong = [
        (each.id, each.message)
        for each in ended.result.checks
        if each.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
    ]
    assert (ended.code, wrong) == (0, []), ended.result.verdict
    assert ended.result.startup.ready_seconds is not None
