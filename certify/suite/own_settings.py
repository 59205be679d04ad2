"""The image's own settings that keep its package manager from sources, keys and packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

KEY_FOLDERS = "/etc/apt/trusted.gpg.d /etc/apt/keyrings /usr/share/keyrings"
KEYS_GONE = r"""
cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
| sed -n 's/^[^#]*[Ss]igned-[Bb]y *[=:] *\(\/[^] ,]*\).*/\1/p' \
| while read -r key; do [ -e "$key" ] || echo "$key"; done"""
"""Prints the key files that apt's sources name and that are not there."""
KEYS_MISNAMED = f"""
for each in $(find -L {KEY_FOLDERS} -type f 2>/dev/null); do
  armored=; ! grep -q -a -e '-----BEGIN PGP' "$each" || armored=yes
  case $each$armored in *.gpgyes | *.asc) echo "$each" ;; esac
done"""
"""Prints apt's keys in ASCII under the suffix .gpg, and binary ones under .asc."""
PINNED = r"apt-cache policy %s | grep -E '^[ *]+[^ ]+ -[0-9]+$'"
"""Prints the versions of a package that a pin forbids, those with a negative priority."""
NETWORK = """\
apt-config dump 2>/dev/null | grep -iE '::proxy|::ForceIPv6'
grep -hsE '^ *proxy *=' /etc/dnf/dnf.conf /etc/yum.conf; grep -hs '^hosts:' /etc/nsswitch.conf"""
"""Prints the settings of the package manager and of name resolution, for :func:`setting_behind`."""
_PROXY = re.compile(r"^(?:Acquire::\S*proxy\S* \"| *proxy *= *)([^\s\";]+)", re.I | re.M)
_NO_WAY = re.compile(r"resolv|unreachable|cannot initiate|could not connect", re.I)
_NO_DNS = re.compile(r"^hosts:(?!.*\b(?:dns|resolve)\b).*$", re.M)


def setting_behind(output: str, env: Iterable[str], settings: str) -> tuple[str, str]:
    """Return the setting that keeps a package manager from its servers, and its remedy, or empty.

    ``output`` is what it said when it failed, ``env`` the image's variables, ``settings`` what
    :data:`NETWORK` prints. A proxy counts if the output names its host.
    """
    for name, _, value in (each.partition("=") for each in env):
        if re.fullmatch(r"(?:https?|ftp|all)_proxy", name.lower()) and _is_named(value, output):
            return (
                f"the image's ENV {name} names a proxy that does not answer",
                f"Remove ENV {name} from the image's Dockerfile; where a proxy is needed, the "
                "platform sets it.",
            )
    if any(_is_named(value, output) for value in _PROXY.findall(settings)):
        return (
            "the configuration of the image's package manager names a proxy that does not answer",
            "Remove the proxy in the image: Acquire::http::Proxy in /etc/apt/apt.conf.d, or proxy= "
            "in /etc/dnf/dnf.conf or /etc/yum.conf.",
        )
    if "resolv" in output.lower() and _NO_DNS.search(settings):
        return (
            "the line hosts: of /etc/nsswitch.conf in the image has no dns",
            "Write `hosts: files dns` in /etc/nsswitch.conf in the image.",
        )
    if _NO_WAY.search(output) and re.search(r'ForceIPv6 "(1|true|yes|on)"', settings):
        return (
            "the image's configuration of apt has Acquire::ForceIPv6",
            "Remove Acquire::ForceIPv6 from /etc/apt/apt.conf.d in the image.",
        )
    return "", ""


def _is_named(proxy: str, output: str) -> bool:
    """Return True if an output names the host of a proxy, which may be given without a scheme."""
    try:
        host = urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname
    except ValueError:
        return False
    if host in (None, "direct"):  # apt's word for no proxy
        return False
    return re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", output.lower()) is not None
