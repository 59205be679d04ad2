"""Defaults of options from ``certify.toml``, ``pyproject.toml`` and ``CERTIFY_*`` variables.

An option has the same name everywhere: ``--require-isolation`` is ``require_isolation`` in a file
and ``CERTIFY_REQUIRE_ISOLATION`` in the environment. What several commands share stands at the top
of a file, what one command takes in its table: ``[sweep]`` ``jobs``, ``CERTIFY_SWEEP_JOBS``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import click

from certify.cli.output import inform
from certify.cli.setting_paths import is_place, located
from certify.model.errors import BadSettings
from certify.util.files import read_text

PREFIX = "CERTIFY_"
SHARED = (
    ("reports", "ledger"),
    ("layout",),
    (
        "profile", "platform", "engine", "pull", "timeout", "runs", "repeat", "checks",
        "waivers", "isolation", "runtime", "require_isolation", "memory", "cpus", "disk_limit",
        "network", "reach", "base", "env", "lanes",
    ),
)  # fmt: skip
"""Names of options that commands share; a command takes all of a group or none, but `ALONE`."""
ALONE = {"verify": "reports"}
"""Commands that take one shared option without the others of its group."""
TOP = tuple(name for group in SHARED for name in group)
REMEDY = "`certify settings` shows what holds; `certify help settings.md` has every key."

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for an option, and where it is from."""

    key: Key
    """``("memory",)``, or ``("sweep", "jobs")``."""
    value: Any
    origin: str
    """A file and line, or a variable."""


def default_map(
    name: str, command: click.Command, others: Mapping[str, click.Command]
) -> dict[str, Any]:
    """Return the settings for one command, as click's ``default_map``.

    ``others`` holds all commands; they are imported when they are looked up. Raises
    :class:`BadSettings`.
    """
    parameters = parameters_of(command)
    chosen = {}
    for setting in read({**dict.fromkeys(others), name: command}, others):
        *table, key = setting.key
        if key in parameters and (table == [name] or (not table and takes(command, key))):
            chosen[parameters[key].name or ""] = setting.value
    return chosen


def takes(command: click.Command, key: str) -> bool:
    """Return True if a command takes the shared option of this name, not another of that name."""
    found = parameters_of(command).keys()
    whole = any(key in group and found >= set(group) for group in SHARED)
    return whole or ALONE.get(str(command.name)) == key


def parameters_of(command: click.Command) -> dict[str, click.Parameter]:
    """Return what can be set for a command, by name; groups of commands take nothing."""
    if isinstance(command, click.Group):
        return {}
    found: dict[str, click.Parameter] = {}
    for each in command.params:
        if isinstance(each, click.Option) and not (each.is_eager or each.hidden):
            found[max(each.opts, key=len).lstrip("-").replace("-", "_")] = each
        elif isinstance(each, click.Argument) and not each.required and each.nargs == 1:
            found[each.make_metavar(click.Context(command)).strip("[]").lower()] = each
    return found


def read(
    commands: Mapping[str, click.Command | None], every: Mapping[str, click.Command]
) -> list[Setting]:
    """Return all settings, the weakest first: those of the file, then those of the environment.

    The values for a command that is None, as it is not imported, are not looked at; ``every`` has
    it. Raises :class:`BadSettings` for keys that no command has and values that no option takes.
    """
    tables = [name for name in commands if name not in TOP]
    keys = {
        name: name.removeprefix(PREFIX).lower()
        for name, value in os.environ.items() if name.startswith(PREFIX) and value
    }  # fmt: skip
    mine = [name for name, key in keys.items() if _names_setting(key, tables)]
    bare = {name: key for name, key in keys.items() if key in tables}
    _warn_of_commands({key: every[key] for key in bare.values()})
    _warn_of_typos(keys.keys() - {*mine, *bare}, TOP)
    found = find()
    settings = list(_of_file(*found, commands)) if found else []
    return settings + (list(_of_environment(mine, commands)) if mine else [])


def find(start: Path | None = None) -> tuple[Path, Key] | None:
    """Return the file of settings nearest above the working directory, and its table.

    A file that belongs to neither this user, nor root, nor the owner of the working directory is
    passed over: whoever may write to ``/tmp`` must not choose what others run. From another
    ``start`` this happens without a word.
    """
    here = start or Path.cwd()
    trusted = {0, os.getuid()}
    with suppress(OSError):  # it need not exist
        trusted.add(here.stat().st_uid)
    for folder in (here, *here.parents):
        for name, table in (("certify.toml", ()), ("pyproject.toml", ("tool", "certify"))):
            path = folder / name
            try:
                # A pyproject.toml is other tools' file first: one that cannot be read is theirs.
                if not path.is_file() or (table and b"tool.certify" not in path.read_bytes()):
                    continue
                owner = path.stat().st_uid
            except OSError:
                continue
            if owner in trusted:
                return path, table
            if start is None:
                inform(f"{path} is not used: it belongs to another user")
    return None


def _of_file(
    path: Path, table: Key, commands: Mapping[str, click.Command | None]
) -> Iterator[Setting]:
    from certify.util.toml import Document, line_of  # noqa: PLC0415 - only if there is a file

    name = os.path.relpath(path)
    text = read_text(path, BadSettings, remedy=REMEDY)
    document = Document(text, name, BadSettings)
    model = _model(commands, path.parent)
    for step in reversed(table):
        model = _wrapped(model, step)
    values: Any = document.validated(model, remedy=REMEDY).model_dump(exclude_unset=True)
    for step in table:
        values = values.get(step, {})
    for key, value in _flat(values):
        yield Setting(key, value, f"{name}:{line_of(text, (*table, *key))}")


def _of_environment(
    names: Iterable[str], commands: Mapping[str, click.Command | None]
) -> Iterator[Setting]:
    from pydantic import ValidationError  # noqa: PLC0415 - only if there is a variable
    from pydantic_settings import EnvSettingsSource  # noqa: PLC0415

    model = _model(commands, None)
    source = EnvSettingsSource(
        _environment(commands), env_prefix=PREFIX, env_nested_delimiter="_",
        env_nested_max_split=1,
    )  # fmt: skip
    # No others: it would read that of a bare command as the whole table, in JSON.
    source.env_vars = {name.lower(): os.environ[name] for name in names}
    try:
        values = model.model_validate(source()).model_dump(exclude_unset=True)
    except ValidationError as problem:
        lines = [
            f"{_variable(each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
            for each in problem.errors(include_url=False)
        ]
        raise BadSettings("\n".join(lines), remedy=REMEDY) from problem
    settings = [Setting(key, value, _variable(key)) for key, value in _flat(values)]
    own = [
        f"{name}_{key}" for name, each in commands.items() if each for key in parameters_of(each)
    ]
    _warn_of_typos(set(names) - {each.origin for each in settings}, own)
    yield from settings


def _names_setting(name: str, tables: list[str]) -> bool:
    return name in TOP or any(name.startswith(f"{table}_") for table in tables)


def _variable(key: tuple[object, ...]) -> str:
    return PREFIX + "_".join(map(str, key)).upper()


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    """Yield what stands at the top before what stands in tables, which is stronger."""
    for key, value in values.items():
        if not isinstance(value, dict):
            yield (key,), value
    for table, found in values.items():
        if isinstance(found, dict):
            yield from (((table, key), value) for key, value in found.items())


def _warn_of_typos(names: set[str], keys: Iterable[str]) -> None:
    """Report variables that are nearly settings; clusters set others, such as CERTIFY_PORT."""
    for name in sorted(names):
        for near in _nearest(name, keys):
            inform(f"{name} is no setting; did you mean {near}?")


def _warn_of_commands(commands: Mapping[str, click.Command]) -> None:
    """Report variables with the name of a command alone: each of its options has one."""
    for name, command in sorted(commands.items()):
        variable = _variable((name,))
        own = (key for key in parameters_of(command) if key not in TOP and key.isidentifier())
        meant = [f"{_variable((name, key))} or the like" for key in islice(own, 1)]
        meant += _nearest(variable, TOP)
        question = f"; did you mean {', or '.join(meant)}?" if meant else ""
        inform(f"{variable} is no setting, but the name of a command{question}")


def _nearest(name: str, keys: Iterable[str]) -> list[str]:
    """Return the variable that a name may be a slip for, in a list, or an empty one."""
    import difflib  # noqa: PLC0415 - only who mistypes needs it

    key = name.removeprefix(PREFIX).lower()
    return [_variable((near,)) for near in difflib.get_close_matches(key, list(keys), 1, 0.8)]


def _model(commands: Mapping[str, click.Command | None], base: Path | None) -> Any:
    """Return the model of a file of settings whose relative paths start at ``base``."""
    from pydantic import create_model  # noqa: PLC0415

    # Variables of an environment are many; only a file is expected to hold nothing else.
    strict: Any = {"extra": "forbid" if base else "ignore"}
    fields: dict[str, Any] = dict.fromkeys(TOP, (Any, None))
    for name, command in commands.items():
        if command is None:
            fields.setdefault(name, (dict[str, Any], {}))
            continue
        own: dict[str, Any] = {
            key: (_checked(command, key, parameter, base), None)
            for key, parameter in parameters_of(command).items()
        }
        fields |= {key: field for key, field in own.items() if key in TOP and takes(command, key)}
        if name not in TOP:
            fields[name] = (create_model(name, __config__=strict, **own), None)
    return create_model("settings", __config__=strict, **fields)


def _wrapped(model: Any, step: str) -> Any:
    """Return the model of a table that holds, among others, a table of the model at ``step``."""
    from pydantic import create_model  # noqa: PLC0415

    fields: dict[str, Any] = {step: (model, {})}
    return create_model(step, **fields)


def _environment(commands: Mapping[str, click.Command | None]) -> Any:
    from pydantic import create_model  # noqa: PLC0415
    from pydantic_settings import BaseSettings  # noqa: PLC0415

    fields: dict[str, Any] = dict.fromkeys(TOP, (Any, None))
    tables: dict[str, Any] = dict.fromkeys(commands.keys() - set(TOP), (dict[str, Any], {}))
    return create_model("variables", __base__=BaseSettings, **fields, **tables)


def _checked(
    command: click.Command, key: str, parameter: click.Parameter, base: Path | None
) -> Any:
    """Return the type of a field: what the option takes, checked by the option itself."""
    from pydantic import AfterValidator  # noqa: PLC0415

    context = click.Context(command)

    def check(value: Any) -> Any:
        several = parameter.multiple or parameter.nargs != 1
        if several and isinstance(value, str) and base is None:
            value = value.split()
        values = value if several and isinstance(value, list) else [value]
        for number, each in enumerate(values):
            flag = isinstance(parameter.type, click.types.BoolParamType)
            if not isinstance(each, str | int | float) or (isinstance(each, bool) and not flag):
                raise ValueError(f"must be {'true or false' if flag else 'text or a number'}")
            if is_place(key, parameter, str(each)):
                values[number] = located(str(each), base)
            try:
                parameter.type(values[number], parameter, context)
            except click.BadParameter as problem:
                raise ValueError(problem.message) from problem
        return values if several else values[0]

    return Annotated[Any, AfterValidator(check)]
