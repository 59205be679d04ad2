"""Settings of an image that keep its package manager from its servers."""

from __future__ import annotations

import pytest

from certify.suite.own_settings import setting_behind

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
        (NO_NAME, [], "hosts: files resolve [!UNAVAIL=return] dns", "", ""),
        (NO_NAME, [], 'Acquire::ForceIPv6 "true";', "ForceIPv6", "ForceIPv6"),
        # What has no part in the failure is not blamed.
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
