"""Settings of an image that keep its package manager from its servers."""

from __future__ import annotations

import pytest

from certify.suite.own_settings import keys_of, setting_behind, unusable

REFUSED = "Could not connect to 127.0.0.1:3128 (127.0.0.1). - connect (111: Connection refused)"
NO_NAME = "Could not resolve 'deb.debian.org'"
SECRET = "http://me:secret@127.0.0.1:3128"


@pytest.mark.parametrize(
    ("output", "env", "settings", "reason", "remedy"),
    [
        (REFUSED, [f"http_proxy={SECRET}"], "", "ENV http_proxy", "Remove ENV http_proxy"),
        (REFUSED, ["HTTP_PROXY=127.0.0.1:3128"], "", "ENV HTTP_PROXY", "Dockerfile"),
        (REFUSED, [], f'Acquire::http::Proxy "{SECRET}/";', "proxy", "apt.conf.d"),
        (REFUSED, [], "proxy = http://127.0.0.1:3128", "proxy", "dnf.conf"),
        (NO_NAME, [], "hosts: files", "nsswitch", "hosts: files dns"),
        (NO_NAME, [], "nameserver 127.0.0.53", "resolv.conf", "the engine writes the right one"),
        (NO_NAME, [], "nameserver 127.0.0.11\nnameserver 10.0.0.1", "", ""),
        (REFUSED, [], "nameserver 127.0.0.53", "", ""),
        (NO_NAME, [], "hosts: files resolve [!UNAVAIL=return] dns", "", ""),
        (NO_NAME, [], 'Acquire::ForceIPv6 "true";', "ForceIPv6", "ForceIPv6"),
        ("404 for http://a.example/$releasever/os/repodata/repomd.xml", [], "",
         "no package of the image says which release it is", "/etc/dnf/vars/releasever"),
        ("Could not connect to a.example:80 (0.0.0.0)", [], "fixed: 0.0.0.0 b.example a.example",
         "/etc/hosts, when the image runs, leads a.example to 0.0.0.0", "what writes /etc/hosts"),
        ("Could not connect to a.example:80 (192.0.2.7), connection timed out", [],
         "firewall: iptables -A OUTPUT -p tcp -j DROP", "by `iptables -A OUTPUT -p tcp -j DROP`",
         "Let the image's firewall pass"),
        # What has no part in the failure is not blamed.
        ("Could not connect to a.example:80 (192.0.2.7)", [], "fixed: 0.0.0.0 b.example", "", ""),
        ("The repository is not signed", [], "firewall: iptables -P OUTPUT DROP", "", ""),
        ("404 for http://a.example/43/os/repodata/repomd.xml", [], "", "", ""),
        (NO_NAME, [f"http_proxy={SECRET}", "no_proxy=*"], "hosts: files dns", "", ""),
        (REFUSED, ["http_proxy=http://[", "LANG=C"], "hosts: files", "", ""),
        ("redirect failed: deb.example.org", ["no_proxy=deb.example.org"],
         'Acquire::http::Proxy::deb.example.org "DIRECT";', "", ""),
        ("The repository is not signed", [], 'Acquire::ForceIPv6 "true";', "", ""),
        (REFUSED, ["http_proxy=http://0.0.1"], "", "", ""),
        (REFUSED, ["http_proxy="], 'Acquire::ForceIPv6 "false";', "", ""),
    ],
)  # fmt: skip
def test_the_setting_behind_a_failed_refresh(
    output: str, env: list[str], settings: str, reason: str, remedy: str
) -> None:
    found = setting_behind(output, env, settings)
    assert bool(found[0]) is bool(found[1]) is bool(reason)
    assert reason in found[0] and remedy in found[1]
    assert "secret" not in "".join(found)


@pytest.mark.parametrize(
    ("idle", "left_out", "says"),
    [
        ("", "", ""),
        ('APT::Get::Simulate "true";\n', "", 'has APT::Get::Simulate "true"'),
        ('APT::Get::Download "0";\n', "path-exclude=/usr/bin/*\n", 'APT::Get::Download "0"'),
        ("", "path-exclude=/usr/bin/*\n", "leaves out programs of packages: path-exclude=/usr"),
    ],
)
def test_the_settings_by_which_nothing_comes_of_an_installation(
    idle: str, left_out: str, says: str
) -> None:
    reason, remedy = unusable(idle, left_out)
    assert bool(reason) is bool(remedy) is bool(says)
    assert says in reason


SOURCES = """\
# deb [signed-by=/old.gpg] http://a.example/ x main
deb http://a.example/debian/ x main

deb [arch=amd64 signed-by=/k/b.gpg,/k/c.gpg] https://b.example x main

Types: deb
URIs: https://c.example/x https://d.example
Signed-By: /k/d.asc
"""
TRUSTED = "/etc/apt/trusted.gpg.d/*"


@pytest.mark.parametrize(
    ("output", "keys"),
    [
        ("W: GPG error: http://a.example/debian x InRelease: …", [TRUSTED]),
        ("Err:2 https://b.example x InRelease\n  … NO_PUBKEY 1", ["/k/b.gpg", "/k/c.gpg"]),
        ("W: GPG error: https://d.example x InRelease: …", ["/k/d.asc"]),
        ("NO_PUBKEY 1", [TRUSTED, "/k/b.gpg", "/k/c.gpg", "/k/d.asc"]),
        ("W: GPG error: https://e.example x", [TRUSTED, "/k/b.gpg", "/k/c.gpg", "/k/d.asc"]),
    ],
)
def test_the_keys_of_the_source_that_apt_refused(output: str, keys: list[str]) -> None:
    assert keys_of(SOURCES, output) == keys
