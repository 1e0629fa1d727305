"""The keep-alive timeout that a pod's containers declare, read from the options of well-known servers.

Of arguments and environment nothing is kept but the number and the name of the option that it stands behind.
Options in the server's own configuration files and code are not seen.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.timeline.kubernetes_fields import mappings, text

_SECOND, _MILLISECOND = 1.0, 0.001


@dataclass(frozen=True)
class Option:
    """One way to declare it.

    Attributes:
        name: the option, or the variable of the environment.
        unit_s: seconds of a bare number.
        source: where its server documents it.
        servers: it means this only in a command of one of these; empty: nobody else uses the name.
        may_be_next: the value may be the next argument; else it stands behind ``=``.
        has_units: the value may end in ``ms`` or ``s``.
    """

    name: str
    unit_s: float
    source: str
    servers: frozenset[str] = frozenset()
    may_be_next: bool = True
    has_units: bool = False


_SPRING = {
    "server.tomcat.keep-alive-timeout": "SERVER_TOMCAT_KEEPALIVETIMEOUT",
    "server.jetty.connection-idle-timeout": "SERVER_JETTY_CONNECTIONIDLETIMEOUT",
    "server.undertow.no-request-timeout": "SERVER_UNDERTOW_NOREQUESTTIMEOUT",
    "server.netty.idle-timeout": "SERVER_NETTY_IDLETIMEOUT",
}
"""Properties of Spring Boot, and their variables: dots become underscores, dashes go."""
_OF_SPRING = "Spring Boot application properties and its binding from environment variables"
_OF_JETTY = "Jetty module http, jetty.http.idleTimeout"


def _properties(
    names: Iterable[str], prefixes: Iterable[str], source: str, *, has_units: bool
) -> Iterator[Option]:
    for name in names:
        for prefix in prefixes:
            yield Option(prefix + name, _MILLISECOND, source, may_be_next=False, has_units=has_units)


ARGUMENTS = (
    Option("--timeout-keep-alive", _SECOND, "uvicorn docs/settings.md"),
    Option(
        "--keep-alive",
        _SECOND,
        "gunicorn docs/source/settings.rst (keepalive); hypercorn --help",
        servers=frozenset({"gunicorn", "hypercorn"}),
    ),
    Option("--keepAliveTimeout", _MILLISECOND, "Next.js command line, next start"),
    *_properties(["jetty.http.idleTimeout"], ("", "-D"), _OF_JETTY, has_units=False),
    *_properties(_SPRING, ("-D", "--"), _OF_SPRING, has_units=True),
)
VARIABLES = (
    Option("UVICORN_TIMEOUT_KEEP_ALIVE", _SECOND, "uvicorn docs/settings.md (environment variables)"),
    Option("PUMA_PERSISTENT_TIMEOUT", _SECOND, "puma lib/puma/configuration.rb, from version 7"),
    Option("SANIC_KEEP_ALIVE_TIMEOUT", _SECOND, "Sanic guide, configuration: KEEP_ALIVE_TIMEOUT with SANIC_"),
    *_properties(_SPRING.values(), ("",), _OF_SPRING, has_units=True),
    # Spring's SystemEnvironmentPropertyMapper also takes dashes as underscores; that form is the usual one.
    *_properties(
        (name.upper().replace(".", "_").replace("-", "_") for name in _SPRING),
        ("",),
        _OF_SPRING,
        has_units=True,
    ),
)
WORDS_IN_VARIABLES = {"GUNICORN_CMD_ARGS": "gunicorn", "JAVA_TOOL_OPTIONS": "java"}
"""Variables that hold arguments, and who reads them (gunicorn's settings.rst; the JVM's tool interface)."""

_ARGUMENTS = {option.name: option for option in ARGUMENTS}
_VARIABLES = {option.name: option for option in VARIABLES}
_NUMBER = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<unit>ms|s)?")


@dataclass(frozen=True)
class Declared:
    """What a container declares.

    Attributes:
        option: name of the option or variable that holds the number.
        value: the number, as it stands there.
        seconds: what it means.
        where: variable around the option, or the server that makes it unambiguous; None: neither.
    """

    option: str
    value: str
    seconds: float
    where: str | None = None


def settings(spec: Mapping[str, Any]) -> dict[str, str]:
    """``keep_alive_timeout_s`` and ``keep_alive_option`` of a pod's spec, as far as they can be told.

    Where several containers may serve, it is not known which one the load balancer meets: nothing is told.
    """
    containers = mappings(spec.get("containers"))
    serving = [one for one in containers if mappings(one.get("ports"))] or containers
    found = declared(serving[0]) if len(serving) == 1 else None
    if found is None:
        return {}
    return {"keep_alive_timeout_s": f"{found.seconds:g}", "keep_alive_option": found.option}


def lean(container: Mapping[str, Any]) -> dict[str, Any]:
    """``args`` or ``env`` with what a container declares and nothing else; empty: it declares nothing."""
    found = declared(container)
    if found is None:
        return {}
    word = f"{found.option}={found.value}"
    if found.where in WORDS_IN_VARIABLES:
        return {"env": [{"name": found.where, "value": word}]}
    if found.option in _VARIABLES:
        return {"env": [{"name": found.option, "value": found.value}]}
    return {"args": [word] if found.where is None else [found.where, word]}


def declared(container: Mapping[str, Any]) -> Declared | None:
    """The declaration that holds: arguments win over the environment.

    Two that contradict, or one that cannot be read, tell nothing.
    """
    found = _in_words(_arguments(container)) or list(_in_environment(container))
    known = [one for one in found if one is not None]
    is_one = len(known) == len(found) and len({one.seconds for one in known}) == 1
    return known[0] if is_one else None


def _arguments(container: Mapping[str, Any]) -> list[str]:
    """Command and arguments, those of a shell's one line as well."""
    given = [container.get("command"), container.get("args")]
    texts = [one for part in given if isinstance(part, list) for one in part if isinstance(one, str)]
    return [word for one in texts for word in (_split(one) if " " in one else [one])]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []  # a quote without its end


def _in_words(words: list[str]) -> list[Declared | None]:
    """Every option of a command, the last of each name, for that one wins; None: its value cannot be read."""
    found: dict[str, Declared | None] = {}
    servers = [word.rpartition("/")[2] for word in words]
    for position, word in enumerate(words):
        name, is_behind, value = word.partition("=")
        option = _ARGUMENTS.get(name)
        if option is None:
            continue
        if not is_behind and option.may_be_next:
            value = next(iter(words[position + 1 :]), "")
        server = next((one for one in servers if one in option.servers), None)
        if server or not option.servers:
            found[name] = _read(option, value, server)
    return list(found.values())


def _in_environment(container: Mapping[str, Any]) -> Iterator[Declared | None]:
    for variable in mappings(container.get("env")):
        name, value = text(variable.get("name")) or "", text(variable.get("value")) or ""
        if name in WORDS_IN_VARIABLES:
            for one in _in_words([WORDS_IN_VARIABLES[name], *_split(value)]):
                yield one and replace(one, where=name)
        elif name in _VARIABLES:
            yield _read(_VARIABLES[name], value, None)


def _read(option: Option, value: str, where: str | None) -> Declared | None:
    """A positive number: zero and less switch keep-alive or its limit off, which is no timeout."""
    found = _NUMBER.fullmatch(value)
    if found is None or (found["unit"] and not option.has_units):
        return None
    unit_s = {"ms": _MILLISECOND, "s": _SECOND, None: option.unit_s}[found["unit"]]
    seconds = float(found["number"]) * unit_s
    return Declared(option.name, value, seconds, where) if seconds > 0 else None
