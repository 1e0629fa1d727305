"""Where each setting comes from, and everything that is wrong with the settings, at once."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, create_model
from pydantic_settings import EnvSettingsSource, SettingsError

from pipeline import config
from pipeline.config import NO_SETTINGS, PREFIX, Settings
from pipeline.errors import ConfigError

FLAG, DEFAULT = "flag", "default"
MASK = "**********"


@dataclass(frozen=True)
class Origin:
    """One setting in force.

    Attributes:
        name: its key; the keys of a table are joined by dots.
        value: what is in force; a secret is masked, None is not set.
        where: ``flag``, a variable's name, a file's path, or ``default``.
    """

    name: str
    value: object
    where: str

    @property
    def is_secret(self) -> bool:
        """Whether the value is not shown."""
        return self.value is MASK


def origins(**flags: object) -> list[Origin]:
    """Every setting with its value and where that comes from; a flag of None is not given.

    Raises:
        ConfigError: a key is unknown, or a value or a file cannot be used.
    """
    settings = config.load(**flags)
    given = {name: value for name, value in flags.items() if value is not None}
    environment, files = _environment(), [(file, _keys(file)) for file in config.files()]

    def where(name: str) -> str:
        if _holds(given, name):
            return FLAG
        if _holds(environment, name):
            return _variable(name)
        return next((str(file) for file, keys in files if _holds(keys, name)), DEFAULT)

    return [Origin(name, value, where(name)) for name, value in _leaves(settings)]


def problems() -> list[str]:
    """A sentence for every unknown key, wrong value and unreadable file, of all places together."""
    found = [_unknown(name, _variable) for name in _strays()]
    try:
        found += _faults(_environment(), _variable)
    except ConfigError as problem:
        found.append(str(problem))
    for file in config.files():
        try:
            found += [f"{file}: {fault}" for fault in _faults(_keys(file), str)]
        except ConfigError as problem:
            found.append(str(problem))
    return list(dict.fromkeys(found))


def _faults(keys: Mapping[str, object], spelt: Callable[[str], str]) -> Iterator[str]:
    """What is wrong with the keys of one place, which spells them in its own way."""
    try:
        _strict().model_validate(keys)
    except ValidationError as problem:
        for one in problem.errors(include_input=False, include_url=False):
            name = spelt(".".join(map(str, one["loc"])))
            is_unknown = one["type"] == "extra_forbidden"
            yield _unknown(name, spelt) if is_unknown else f"{name}: {one['msg']}"


def _unknown(name: str, spelt: Callable[[str], str]) -> str:
    near = get_close_matches(name, list(map(spelt, _names(Settings))), n=1)
    return f"{name}: no setting" + (f"; did you mean {near[0]}?" if near else "")


def _strict() -> type[BaseModel]:
    """The settings as a model that looks at nothing but what it is given."""
    fields = {name: (field.annotation, field) for name, field in Settings.model_fields.items()}
    model: type[BaseModel] = create_model("Place", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]  # fields of a model
    return model


def _environment() -> dict[str, object]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as problem:
        raise ConfigError(f"environment: {problem}") from problem


def _strays() -> list[str]:
    """Variables with our prefix that nobody reads: pydantic passes over them in silence."""
    known = set(map(_variable, _names(Settings))) | set(map(_variable, Settings.model_fields)) | NO_SETTINGS
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _keys(file: Path) -> dict[str, object]:
    """What a file says; a missing one says nothing.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    if not os.path.lexists(file):
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{file}: cannot be read: {problem}") from problem


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "__")


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{inner}" for inner in _names(field.annotation))
        else:
            yield name


def _leaves(model: BaseModel) -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in _leaves(value))
        else:
            yield name, MASK if isinstance(value, SecretStr) else value


def _holds(keys: object, name: str) -> bool:
    for key in name.split("."):
        if not isinstance(keys, Mapping) or key not in keys:
            return False
        keys = keys[key]
    return True
