"""Package-manager families: data (``packages.toml``), and the shell that it becomes."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from pydantic import Field

from certify.model.value import Value


class Family(Value):
    """One package manager: what its commands are called, and its packages' names."""

    name: str
    detect: str
    """The program whose presence means this family."""
    refresh: str
    install: str
    remove: str
    restore: str = ""
    """Like ``install``, and puts back missing files; empty where the manager cannot do both."""
    upgrade: str
    """Replaces what is installed by what is newer, unattended."""
    clean: str
    """Leaves no package lists and no downloads behind."""
    caches: tuple[str, ...]
    """Where lists and downloads are, as patterns of a shell."""
    exists: str
    sources: str | None = None
    """Lists the package sources that the image names; null where the manager cannot."""
    upgradable: str | None = None
    """Lists pending upgrades; null where the manager cannot."""
    upgradable_line: str = ""
    """Regular expression of a line that names one upgradable package."""
    trials: tuple[tuple[str, str], ...]
    """(package, command that proves it works), tried in order."""
    packages: dict[str, tuple[str, ...]]
    """What to install for a capability; a trailing ``?`` means: if the repositories have it."""
    first_of: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Names for a capability of which the first that the repositories have is enough."""
    before: dict[str, str] = Field(default_factory=dict)
    """A command without which ``restore`` cannot put a capability back."""
    after: dict[str, str] = Field(default_factory=dict)
    """A command to run once a capability is installed."""
    unavailable: dict[str, str] = Field(default_factory=dict)
    """Why no package of this family can give a capability."""

    def command(self, verb: str, *packages: str) -> str:
        """The shell command for a verb (``install``, ``remove``, ``exists``) and the packages."""
        template: str = getattr(self, verb)
        return template.replace("{packages}", " ".join(shlex.quote(name) for name in packages))

    def gives(self, capability: str) -> bool:
        """Whether packages of this family can give a capability."""
        return capability in self.packages or capability in self.first_of

    def layer(self, capabilities: Iterable[str], *, upgrade: bool = False) -> tuple[str, ...]:
        """Commands that add capabilities to an image in one RUN, to be joined with ``&&``.

        They fetch the lists, upgrade first if asked to, and leave lists and downloads behind
        them nowhere. Capabilities that the family knows nothing of are left out.
        """
        verb = "restore" if self.restore else "install"
        first = [self.refresh, self.upgrade] if upgrade else [self.refresh]
        wanted = tuple(dict.fromkeys(capabilities))
        first += [self.before[each] for each in wanted if each in self.before]
        return (*first, *self._installing(wanted, verb), self.clean)

    def install_line(self, capabilities: Iterable[str]) -> str:
        """One command line that installs capabilities, for a person to paste; may be empty."""
        steps = self._installing(capabilities, "install")
        return " && ".join([self.refresh, *steps]) if steps else ""

    def _installing(self, capabilities: Iterable[str], verb: str) -> list[str]:
        """Commands that install capabilities, once the lists are fetched."""
        wanted = tuple(dict.fromkeys(capabilities))
        names = [name for each in wanted for name in self.packages.get(each, ())]
        choices: list[tuple[str, ...]] = [(name[:-1],) for name in names if name.endswith("?")]
        choices += [self.first_of[each] for each in wanted if each in self.first_of]
        steps = []
        if choices:
            steps.append(f"more=$({'; '.join(map(self._choice, choices))})")
        if names or choices:
            sure = [name for name in names if not name.endswith("?")]
            steps.append(self.command(verb, *sure) + " $more" * bool(choices))
        return steps + [self.after[each] for each in wanted if each in self.after]

    def _choice(self, names: Iterable[str]) -> str:
        """Shell that prints the first of the names that the repositories have, if any."""
        exists = self.exists.replace("{packages}", '"$name"')
        return (
            f"for name in {' '.join(names)}; do "
            f'if {exists} >/dev/null 2>&1; then echo "$name"; break; fi; done'
        )


@cache
def _data() -> dict[str, object]:
    return tomllib.loads(
        resources.files("certify.engine").joinpath("packages.toml").read_text("utf-8")
    )


@cache
def families() -> tuple[Family, ...]:
    """All families, in the order in which they are looked for."""
    entries = _data()["family"]
    assert isinstance(entries, list)
    return tuple(Family.model_validate(entry) for entry in entries)


def family(name: str) -> Family:
    """The family of that name. Raises ``KeyError`` if there is none."""
    for each in families():
        if each.name == name:
            return each
    raise KeyError(name)


@cache
def lacks() -> dict[str, str]:
    """For each capability, the shell test that is true of an image that lacks it."""
    tests = _data()["lacks"]
    assert isinstance(tests, dict)
    return {str(key): str(value) for key, value in tests.items()}


# What the tests of `lacks` may call. Builtins only: the image is not yet known to have more.
SHELL_HELPERS = """\
has() { command -v "$1" >/dev/null 2>&1; }
ca_bundle() {
  for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \\
    /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem /etc/ca-certificates/extracted/tls-ca-bundle.pem
  do [ -s "$f" ] && return 0; done
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


def helpers() -> str:
    """Shell functions ``has``, ``ca_bundle`` and ``lacking CAPABILITY``."""
    cases = "".join(f"  {name}) {test} ;;\n" for name, test in lacks().items())
    return SHELL_HELPERS % cases


def install_function() -> str:
    """Shell function ``provide CAPABILITY...``: installs with whichever manager the image has.

    Prints ``certify: family NAME`` and ``certify: cannot CAPABILITY`` as it goes;
    returns 0 if all that the family has packages for was installed, 127 if the
    image has no package manager that certify knows.
    """
    branches = []
    for index, each in enumerate(families()):
        wanted = "".join(
            f'      {capability}) names="$names {" ".join(names)}" ;;\n'
            for capability, names in each.packages.items()
        )
        optional = each.exists.replace("{packages}", '"${name%\\?}"')
        install = each.install.replace("{packages}", "$packages")
        after = "".join(
            f'    case " $* " in *" {capability} "*) {command} ;; esac\n'
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
    for name in $names; do case $name in
      *\\?) {optional} >/dev/null 2>&1 && packages="$packages ${{name%\\?}}" ;;
      *) packages="$packages $name" ;;
    esac; done
    {install} || return
{after}"""
        )
    return "provide() {\n  names= packages=\n" + "".join(branches) + "  else return 127\n  fi\n}\n"


def detect_script() -> str:
    """Shell that prints the name of the family that the image has, or nothing."""
    tests = "\n".join(
        f"{'elif' if index else 'if'} has {each.detect}; then echo {each.name}"
        for index, each in enumerate(families())
    )
    return 'has() { command -v "$1" >/dev/null 2>&1; }\n' + tests + "\nfi"
