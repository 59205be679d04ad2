"""The image's own settings that keep its package manager from sources, keys and packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

SOURCES = "for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do cat $f; echo; done"
"""Prints apt's sources, for :func:`keys_of`."""
KEYS_GONE = "for each in {}; do case $each in *'*') ;; *) [ -e $each ] || echo $each ;; esac; done"
"""Prints those of some keys that are not there."""
KEYS_MISNAMED = """
for each in {}; do
  armored=; ! grep -q -a -e '-----BEGIN PGP' "$each" || armored=yes
  [ ! -f $each ] || case $each$armored in *.gpgyes | *.asc) echo "$each" ;; esac
done 2>/dev/null"""
"""Prints those of some keys that are in ASCII under the suffix .gpg, or binary under .asc."""
_TRUSTED = "/etc/apt/trusted.gpg.d/*"
"""The keys of every source that names none."""
KEYS_CLOSED = r"""
for each in {}; do
  find -L "$each" "${{each%/*}}" -maxdepth 0 \( -type f ! -perm -o=r -o -type d ! -perm -o=x \)
done 2>/dev/null"""
"""Prints those of some keys, and of their folders, that are closed to other users."""
PINNED = r"apt-cache policy %s | grep -E '^[ *]+[^ ]+ -[0-9]+$'"
"""Prints the versions of a package that a pin forbids, those with a negative priority."""
ACCOUNTS_ELSEWHERE = "grep -E '^(passwd|group):' /etc/nsswitch.conf | grep -vE 'files|compat|db'"
"""Succeeds if users or groups are looked up elsewhere than in files."""
FOREIGN = """
own=$(dpkg --print-architecture) && apt-get indextargets --format '$(ARCHITECTURE)' |
  sed '/^all$/d' | { read -r first && [ "$first" != "$own" ] && ! grep -qx "$own"; }"""
"""Succeeds if apt's sources have lists for other architectures alone than that of the image."""
IDLE = """\
apt-config dump 2>/dev/null | grep -iE '^APT::Get::(Download "(false|no|off|0)"|\
(Simulate|Just-Print|Dry-Run|Recon|No-Act|Print-URIs|Download-Only) "(true|yes|on|1)")'"""
"""Prints apt's settings with which its commands do nothing, and say that all is well."""
LEFT_OUT = """\
grep -hsE '^ *(path-exclude *=? *[*]?/?(usr/|[*])(s?bin|lib|[*])|NoExtract *=.*usr/(s?bin|lib))' \
  /etc/dpkg/dpkg.cfg /etc/dpkg/dpkg.cfg.d/* /etc/pacman.conf | grep ."""
"""Prints the settings by which programs and libraries of packages are not unpacked."""
NETWORK = """\
apt-config dump 2>/dev/null | grep -iE '::proxy|::ForceIPv6'
grep -hsE '^ *proxy *=' /etc/dnf/dnf.conf /etc/yum.conf \
  /etc/yum.repos.d/*.repo /etc/zypp/repos.d/*.repo
grep -hs '^hosts:' /etc/nsswitch.conf
grep -hs '^nameserver ' /etc/resolv.conf; sed -n '/^[0-9a-f]/s/^/fixed: /p' /etc/hosts
iptables -S OUTPUT 2>/dev/null | sed -nE '/DROP|REJECT/s/^/firewall: iptables /p'
nft list ruleset 2>/dev/null |
  sed -nE '/hook output/,/}/{/drop|reject/s/^/firewall: nftables /p}'"""
"""Prints the settings of the package manager and of name resolution, for :func:`setting_behind`."""
REPOSITORIES = """\
grep -rhsE '^[^#]*(https?|ftp)://' /etc/apt/sources.list /etc/apt/sources.list.d /etc/yum.repos.d \
  /etc/zypp/repos.d /etc/pacman.conf /etc/pacman.d/mirrorlist /etc/apk/repositories"""
"""Prints the lines of the package sources that have a URL."""
_LINE = re.compile(r"^\s*deb(?:-src)?\s+(?:\[([^]\n]*)\]\s*)?(\S+)", re.M)
_ADDRESSES = re.compile(r"^URIs:(.*)$", re.M | re.I)
_SIGNED_BY = re.compile(r"\bsigned-by\s*[=:]\s*(/[\w.+/@:-]+(?:,\s*/[\w.+/@:-]+)*)", re.I)
_REFUSED = re.compile(r"(?:GPG error:|^Err:\d+) (\S+)", re.M)
_PROXY = re.compile(r"^(?:Acquire::\S*proxy\S* \"| *proxy *= *)([^\s\";]+)", re.I | re.M)
_NO_WAY = re.compile(r"resolv|unreachable|cannot initiate|could not connect", re.I)
_ON_LOOPBACK = re.compile(r"^nameserver\s+(127\.(?!0\.0\.11$)[\d.]+|::1)$", re.M)
"""A name server on loopback, but for Docker's own (127.0.0.11)."""
_NO_DNS = re.compile(r"^hosts:(?!.*\b(?:dns|resolve)\b).*$", re.M)


def keys_of(sources: str, output: str) -> list[str]:
    """Return the keys, as patterns of the shell, of the sources that apt refused.

    ``sources`` is what :data:`SOURCES` prints, ``output`` what apt said; all if it names no source.
    """
    entries = []  # addresses and options
    for stanza in re.split(r"\n\s*\n", re.sub(r"^\s*#.*\n?", "", sources, flags=re.M)):
        entries += [([address], options) for options, address in _LINE.findall(stanza)]
        if addresses := _ADDRESSES.search(stanza):
            entries.append((addresses[1].split(), stanza))
    refused = tuple(_REFUSED.findall(output))
    about = [
        options
        for addresses, options in entries
        if any(each.startswith(address.rstrip("/")) for address in addresses for each in refused)
    ]
    keys: list[str] = []
    for options in about or [each for _, each in entries]:
        named = _SIGNED_BY.search(options)
        keys += re.split(r"[,\s]+", named[1]) if named else [_TRUSTED]
    return list(dict.fromkeys(keys))


def unusable(idle: str, left_out: str) -> tuple[str, str]:
    """Return why nothing comes of an installation, and the remedy, or empty texts.

    They are what :data:`IDLE` and :data:`LEFT_OUT` print.
    """
    if idle.strip():
        setting = idle.splitlines()[0].strip(" ;")
        return (
            f"apt only pretends to work: its configuration in the image has {setting}",
            "Remove the setting from /etc/apt/apt.conf and /etc/apt/apt.conf.d in the image.",
        )
    if left_out.strip():
        return (
            "the image's package manager leaves out programs of packages: "
            f"{left_out.splitlines()[0].strip()}",
            "Remove the setting from /etc/dpkg/dpkg.cfg.d or /etc/pacman.conf in the image, or "
            "limit it to documents and translations (/usr/share/doc, /usr/share/locale).",
        )
    return "", ""


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
            "in /etc/dnf/dnf.conf, /etc/yum.conf, /etc/yum.repos.d or /etc/zypp/repos.d.",
        )
    if "resolv" in output.lower() and (found := _no_names(settings)):
        return found
    if re.search(r"https?://\S*(?:\$|%24)releasever", output):
        return (
            "no package of the image says which release it is, so $releasever in its repositories "
            "stands for nothing",
            "Install the distribution's release package (fedora-release and the like), or write "
            "the release to /etc/dnf/vars/releasever in the image.",
        )
    return _no_way(output, settings)


def _no_way(output: str, settings: str) -> tuple[str, str]:
    """Return what leads the image's packets elsewhere or refuses them, and the remedy, or empty."""
    failed = re.findall(r"(?:resolve '|connect to )([\w.-]+)", output)
    for address, names in re.findall(r"^fixed: (\S+)\s+(.+)$", settings, re.M):
        if named := set(names.partition("#")[0].split()) & {*failed}:
            return (
                f"/etc/hosts, when the image runs, leads {min(named)} to {address}",
                "Find what writes /etc/hosts when the image starts (a unit, its entrypoint), and "
                "let it write no name of a package mirror.",
            )
    if not _NO_WAY.search(output):
        return "", ""
    if rule := re.search(r"^firewall: (.+)$", settings, re.M):
        return (
            f"the image's own firewall refuses some of what it sends, by `{rule[1].strip()}`",
            "Let the image's firewall pass what it sends to name servers (port 53) and package "
            "mirrors (80 and 443), or remove it from the image.",
        )
    if re.search(r'ForceIPv6 "(1|true|yes|on)"', settings):
        return (
            "the image's configuration of apt has Acquire::ForceIPv6",
            "Remove Acquire::ForceIPv6 from /etc/apt/apt.conf.d in the image.",
        )
    return "", ""


def _no_names(settings: str) -> tuple[str, str] | None:
    """Return the setting of the image that keeps it from resolving names, and its remedy."""
    if _NO_DNS.search(settings):
        return (
            "the line hosts: of /etc/nsswitch.conf in the image has no dns",
            "Write `hosts: files dns` in /etc/nsswitch.conf in the image.",
        )
    if server := _ON_LOOPBACK.search(settings):
        return (
            "/etc/resolv.conf names a server on the container's own loopback, which resolves "
            f"nothing: {server[1]}",
            "Find what writes /etc/resolv.conf when the image starts (a unit, resolvconf, "
            "NetworkManager), and remove it: the engine writes the right one.",
        )
    return None


def _is_named(proxy: str, output: str) -> bool:
    """Return True if an output names the host of a proxy, which may be given without a scheme."""
    try:
        host = urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname
    except ValueError:
        return False
    if host in (None, "direct"):  # apt's word for no proxy
        return False
    return re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", output.lower()) is not None
