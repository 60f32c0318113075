"""Addresses of databases, as operators write them: SQLAlchemy's, and those of libpq.

Syntax and options of PostgreSQL's: https://www.postgresql.org/docs/current/libpq-connect.html,
"Connection URIs".
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote, urlencode

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from call_analytics.db.dialects import BACKENDS
from call_analytics.db.errors import OperatorError
from call_analytics.db.sqlite_file import may_be_database

DatabaseUrl: TypeAlias = URL
"""Where a database is. Several hosts are in the query, as ``host=a,b`` and ``port=1,2``."""

SCHEMES = {
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+asyncpg": "postgresql",
}
DEFAULT_PORT = 5432

VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
}
"""The options that take one of a few values."""
FILES = ("passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert")
"""The options that name a file."""
OTHERS = (
    *("gsslib", "krbsrvname", "sslnegotiation", "sslpassword"),
    *("ssl_max_protocol_version", "ssl_min_protocol_version"),
)
PARTS = {"user": "username", "password": "password", "dbname": "database"}
"""The options that are parts of an address as well."""
_AUTHORITY = re.compile(r"(?P<scheme>[\w+]+://)(?P<user>(?:[^@]*@)?)(?P<hosts>[^/?@]*)(?P<rest>.*)")
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[^:]+))(?::(?P<port>\d*))?")


class _Host(NamedTuple):
    name: str
    """A host name, an address, or the directory of a socket."""
    port: int | None


def parse_database_url(text: str) -> DatabaseUrl:
    """The address of a database, with the driver that the service uses.

    Raises:
        OperatorError: where the text names no SQLite file and no PostgreSQL database, or has
            something that is not understood.
    """
    text, hosts = _without_hosts(text)
    try:
        url = make_url(text)
        backend = SCHEMES[url.drivername]
    except (ArgumentError, KeyError, ValueError):
        raise OperatorError(
            "the database address must look like sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    url = url.set(drivername=BACKENDS[backend].driver)
    if backend == "postgresql":
        return _of_postgresql(url, hosts)
    if hosts or url.database in (None, "", ":memory:") or "uri" in url.query:
        raise OperatorError("the database address must name a file: sqlite:///FILE")
    return url


def addresses_of_hosts(url: DatabaseUrl) -> list[DatabaseUrl]:
    """The address of each of the hosts that an address names."""
    if "host" not in url.query:
        return [url]
    hosts, ports = (str(url.query[name]).split(",") for name in ("host", "port"))
    return [
        url.update_query_dict({"host": host, "port": port})
        for host, port in zip(hosts, ports, strict=True)
    ]


def host_of(url: DatabaseUrl) -> str:
    """The host of an address with one host, as ``HOST:PORT``."""
    host, port = url.query.get("host", url.host), url.query.get("port", url.port)
    return f"{host}:{port or DEFAULT_PORT}"


def refuse_other_files(url: DatabaseUrl) -> None:
    """Refuse an embedded database whose file is something else, such as a CSV file.

    Raises:
        OperatorError: where the file is there and is no SQLite database.
    """
    is_embedded = BACKENDS[url.get_backend_name()].embedded
    if is_embedded and url.database and not may_be_database(Path(url.database)):
        raise OperatorError(
            f"the file {url.database} is no SQLite database; name one, or a file that is not there "
            "yet (call-analytics import reads calls from a file)"
        )


def _without_hosts(text: str) -> tuple[str, list[_Host]]:
    """An address without its hosts, where it has several, and these."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or "," not in found["hosts"]:
        return text, []
    hosts = [_host(unquote(spec)) for spec in found["hosts"].split(",")]
    return found["scheme"] + found["user"] + found["rest"], hosts


def _host(spec: str) -> _Host:
    if spec.startswith("/"):
        path, _, port = spec.partition(":")
        return _Host(path, _port(port) if port else None)
    found = _HOST.fullmatch(spec)
    if found is None:
        raise OperatorError(f"the database address has a host that is not understood: {spec!r}")
    port = found["port"]
    return _Host(found["ipv6"] or found["name"], _port(port) if port else None)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise OperatorError(f"the database address has a port that is not understood: {text!r}")
    return int(text)


def _of_postgresql(url: URL, hosts: list[_Host]) -> DatabaseUrl:
    query = {name: _last(values) for name, values in url.query.items()}
    query.pop("host", None)
    ports = query.pop("port", "")
    named = url.query.get("host", ())
    for text in (named,) if isinstance(named, str) else named:
        hosts += map(_host, text.split(","))
    parts = {PARTS[name]: query.pop(name) for name in list(query) if name in PARTS}
    url = url.set(query=_driver_query(query), **parts)  # type: ignore[arg-type]
    if not hosts:
        return url.update_query_dict({"port": str(_port(ports))}) if ports else url
    joined_ports = _joined_ports(hosts, ports)
    return url.update_query_dict(
        {"host": ",".join(host.name for host in hosts), "port": joined_ports}
    )


def _joined_ports(hosts: Sequence[_Host], ports: str) -> str:
    """A port for each host, with commas between; one alone is that of all."""
    given = [_port(port) if port else DEFAULT_PORT for port in ports.split(",")] if ports else []
    if len(given) not in (0, 1, len(hosts)):
        raise OperatorError(f"the database address has {len(hosts)} hosts and {len(given)} ports")
    others = given * len(hosts) if len(given) == 1 else given or [DEFAULT_PORT] * len(hosts)
    return ",".join(str(host.port or other) for host, other in zip(hosts, others, strict=True))


def _driver_query(options: Mapping[str, str]) -> dict[str, str]:
    """The options as the driver takes them: those that only an address may have, in one."""
    options = dict(options)
    if "ssl" in options:  # the driver's own word
        options["sslmode"] = options.pop("ssl")
    for name, value in options.items():
        if name in VALUES:
            if value not in VALUES[name]:
                raise OperatorError(
                    f"the database address has {name}={value}; it must be one of "
                    f"{', '.join(VALUES[name])}"
                )
        elif name in FILES:
            if not Path(value).is_file():
                raise OperatorError(f"the database address has {name}={value}; no such file")
        elif name not in OTHERS:
            raise OperatorError(
                f"the database address has an option that is not known: {name}; leave it out"
            )
    target = options.pop("target_session_attrs", None)
    query = {"dsn": f"postgresql://?{urlencode(options)}"} if options else {}
    return query if target is None else query | {"target_session_attrs": target}


def _last(values: str | Sequence[str]) -> str:
    return values if isinstance(values, str) else values[-1]
