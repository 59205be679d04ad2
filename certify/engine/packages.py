"""Package-manager families: data (``packages.toml``), and shell code made from it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from pydantic import Field

from certify.model.value import Value
from certify.util.toml import packaged


class Elsewhere(Value):
    """A reason why repositories have no package for a capability, and what to do about it."""

    reason: str = Field(min_length=1)
    remedy: str = Field(min_length=1)


class Unavailable(Elsewhere):
    """A reason why some distributions have no package for a capability at all."""

    distributions: tuple[str, ...] = ()
    """The IDs in their ``/etc/os-release``; empty for all of the family."""


class Index(Value):
    """An index of all packages, which a package manager can be told to keep between commands."""

    options: str
    """Options for the end of a command."""
    lost: str
    """Regular expression for a line after which a command may have failed for the index."""
    remove: str
    """The command that removes the index."""


class Family(Value):
    """A package manager: its commands, and the names of its packages."""

    name: str
    detect: str
    """The program whose presence identifies this family."""
    refresh: str
    install: str
    remove: str
    restore: str = ""
    """Like ``install``, and restores missing files; empty if the manager cannot do both."""
    upgrade: str
    """Upgrades all installed packages, unattended."""
    clean: str
    """Removes package lists and downloads."""
    caches: tuple[str, ...]
    """Shell patterns of the files that hold lists and downloads."""
    exists: str
    sources: str | None = None
    """Lists the package sources that the image names; None if the manager cannot."""
    upgradable: str | None = None
    """Lists pending upgrades; None if the manager cannot."""
    upgradable_line: str = ""
    """Regular expression for a line that names one upgradable package."""
    held: str = ""
    """Regular expression whose group is the list of packages that are held at their version."""
    upgradable_codes: tuple[int, ...] = (0,)
    """Exit codes of ``upgradable`` after which its list is complete."""
    pending_codes: tuple[int, ...] = ()
    """Exit codes of ``upgradable`` that mean that upgrades wait, whatever the list looks like."""
    index: Index | None = None
    """An index that commands share by options; None if they share one anyway."""
    informational: tuple[int, ...] = ()
    """Exit codes, beside 0, of an installation that succeeded."""
    reinstall: str
    """Installs packages that are installed already."""
    audit: str
    """Prints what is inconsistent in the package database; prints nothing and exits with 0 if
    nothing is."""
    installed: str = ":"
    """Lists all packages, a name and its version on each line."""
    downgrade: str
    """Regular expression for a line that announces that a package gets an older version."""
    skipped: str = ""
    """Regular expression for a line that names repositories that a refresh could not load."""
    trials: tuple[tuple[str, str], ...]
    """Pairs of a package and a command that proves that it works, tried in order."""
    packages: dict[str, tuple[str, ...]]
    """Packages for each capability; ``packages.toml`` explains choices and optional ones."""
    before: dict[str, str] = Field(default_factory=dict)
    """A command to run before ``restore`` puts a capability back."""
    after: dict[str, str] = Field(default_factory=dict)
    """A command to run after a capability is installed."""
    unavailable: dict[str, Unavailable] = Field(default_factory=dict)
    """Reason and remedy for a capability that no package of some distributions provides."""
    elsewhere: dict[str, Elsewhere] = Field(default_factory=dict)
    """Reason and remedy for a capability of which the repositories have no package."""

    def command(self, verb: str, *packages: str) -> str:
        """Return the shell command for a verb (``install``, ``remove``, …) and packages."""
        template: str = getattr(self, verb)
        return template.replace("{packages}", " ".join(shlex.quote(name) for name in packages))

    def provides(self, capability: str) -> bool:
        """Return True if packages of this family provide a capability."""
        return capability in self.packages

    def reason_without(self, capability: str, distribution: str | None) -> Elsewhere:
        """Return why an image gets no package for a capability that the family does not provide.

        ``distribution`` is the ID in the image's ``/etc/os-release``.
        """
        why = self.unavailable.get(capability)
        if why and (distribution in why.distributions or not why.distributions):
            return why
        return Elsewhere(
            reason=f"certify knows no package of {self.name} for it.",
            remedy="Install it while the image is built.",
        )

    def choices(self, capability: str) -> tuple[tuple[str, ...], ...]:
        """Return the alternatives for each package of a capability that repositories must have."""
        names = self.packages.get(capability, ())
        return tuple(tuple(name.split("|")) for name in names if not name.endswith("?"))

    def layer_commands(
        self, capabilities: Iterable[str], *, upgrade: bool = False
    ) -> tuple[str, ...]:
        """Return commands that add capabilities to an image in one RUN, to be joined with ``&&``.

        They fetch the package lists, upgrade all packages first if ``upgrade`` is set, and leave
        neither lists nor downloads behind. Capabilities unknown to the family are left out.
        """
        verb = "restore" if self.restore else "install"
        first = [self.refresh, self.upgrade] if upgrade else [self.refresh]
        wanted = tuple(dict.fromkeys(capabilities))
        first += [self.before[each] for each in wanted if each in self.before]
        return (*first, *self._install_steps(wanted, verb), self.clean)

    def install_command(self, capabilities: Iterable[str]) -> str:
        """Return one command line that installs capabilities, for people; may be empty."""
        steps = self._install_steps(capabilities, "install")
        return " && ".join([self.refresh, *steps]) if steps else ""

    def _install_steps(self, capabilities: Iterable[str], verb: str) -> list[str]:
        """Return commands that install capabilities once the package lists are fetched."""
        wanted = tuple(dict.fromkeys(capabilities))
        names = [name for each in wanted for name in self.packages.get(each, ())]
        options = [name for name in names if re.search(r"[|?]", name)]
        steps = [
            f"more{number}=$({self._first_available(name.rstrip('?').split('|'))})"
            for number, name in enumerate(options)
        ]
        chosen = [
            f"$more{number}" if name.endswith("?")
            else f"${{more{number}:?no package {' or '.join(name.split('|'))}}}"
            for number, name in enumerate(options)
        ]  # fmt: skip
        if names:
            sure = [name for name in names if name not in options]
            steps.append(" ".join([self.command(verb, *sure), *chosen]))
        return steps + [self.after[each] for each in wanted if each in self.after]

    def _first_available(self, names: Iterable[str]) -> str:
        """Return shell code that prints the first package that the repositories have, if any."""
        exists = self.exists.replace("{packages}", '"$name"')
        return (
            f"for name in {' '.join(names)}; do "
            f'if {exists} >/dev/null 2>&1; then echo "$name"; break; fi; done'
        )


@cache
def _data() -> dict[str, Any]:
    return packaged("certify.engine", "packages.toml")


@cache
def families() -> tuple[Family, ...]:
    """Return all families, in the order of detection."""
    return tuple(Family.model_validate(entry) for entry in _data()["family"])


def family(name: str) -> Family:
    """Return the family of that name. Raises ``KeyError`` if there is none."""
    for each in families():
        if each.name == name:
            return each
    raise KeyError(name)


@cache
def missing_tests() -> dict[str, str]:
    """Return, for each capability, the shell test that succeeds if an image lacks it."""
    return {str(key): str(value) for key, value in _data()["lacks"].items()}


# Functions for the tests of [lacks]. Only builtins: the image may have no other programs.
_SHELL_HELPERS = """\
has() {
  command -v "$1" >/dev/null 2>&1 && return 0
  for p in ${CERTIFY_SBIN-/usr/local/sbin /usr/sbin /sbin}; do [ -x "$p/$1" ] && return 0; done
  return 1
}
ca_bundle() {
  for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \\
    /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem /etc/ca-certificates/extracted/tls-ca-bundle.pem
  do
    [ ! -e "$f" ] || broken=$f
    [ ! -s "$f" ] || while read -r l; do case $l in *BEGIN*) return 0 ;; esac; done <"$f"
  done
  return 1
}
busybox_wget() {
  has wget && w=wget || w="busybox wget"
  case $($w --help 2>&1) in *BusyBox*) return 0 ;; esac
  return 1
}
lacking() {
  case $1 in
%s  esac
}
"""


def shell_helpers() -> str:
    """Return the shell functions ``has``, ``ca_bundle`` and ``lacking CAPABILITY``.

    ``ca_bundle`` leaves the name of a file without a certificate in ``$broken``.
    """
    cases = "".join(f"  {name}) {test} ;;\n" for name, test in missing_tests().items())
    return _SHELL_HELPERS % cases


def install_function() -> str:
    """Return the shell function ``provide CAPABILITY...``, which installs capabilities.

    It uses the image's package manager, and prints ``certify: family NAME`` and, for each that
    the family has no packages for, ``certify: cannot CAPABILITY``; packages that the repositories
    lack are reported and left out. It returns 0 if all others were installed, and 127 if the image
    has no package manager that certify knows.
    """
    branches = []
    for index, each in enumerate(families()):
        wanted = "".join(
            f'      {capability}) names="$names {" ".join(names)}" ;;\n'
            for capability, names in each.packages.items()
        )
        exists = each.exists.replace("{packages}", '"$each"')
        install = each.install.replace("{packages}", "$packages")
        after = "".join(
            f'    case " $* " in *" {capability} "*)'
            f" lacking {capability} || {{ {command}; }} ;; esac\n"
            for capability, command in each.after.items()
        )
        branches.append(
            f"""\
  {"elif" if index else "if"} has {each.detect}; then
    echo "certify: family {each.name}"
    for capability; do case $capability in
{wanted}      *) echo "certify: cannot $capability" ;;
    esac; done
    [ -n "$names" ] || return 0
    {each.refresh} || return
    for name in $names; do
      case $name in *[?\\|]*) ;; *) packages="$packages $name"; continue ;; esac
      found= separators=$IFS IFS='|'
      for each in ${{name%\\?}}; do
        IFS=$separators
        [ -n "$found" ] || ! {exists} >/dev/null 2>&1 || found=$each
      done
      IFS=$separators packages="$packages $found"
      case "$found $name" in " "*\\?) ;; " "*) echo "certify: no package $name" ;; esac
    done
    {install} || return
{after}"""
        )
    return "provide() {\n  names= packages=\n" + "".join(branches) + "  else return 127\n  fi\n}\n"


def detect_script() -> str:
    """Return shell code that prints the name of the image's family, or nothing."""
    return for_family(lambda each: f"echo {each.name}")


def for_family(command: Callable[[Family], str]) -> str:
    """Return shell code that runs a command for the image's family, if it has one."""
    branches = "\nelif ".join(f"has {each.detect}; then {command(each)}" for each in families())
    return f'has() {{ command -v "$1" >/dev/null 2>&1; }}\nif {branches}\nfi'
