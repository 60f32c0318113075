"""What ``serve --check`` shows: each setting in force, and where it came from."""

import re
from collections.abc import Container, Iterator

from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from call_analytics.cli.terminal import escaped
from call_analytics.settings import FILE, PREFIX, Settings

MASK = "**********"
PASSWORD = re.compile(r"(?<=://)([^:@]*:).*@", re.DOTALL)
"""The password in an address. It ends at the last ``@``, because it may contain others."""
PASSWORD_IN_QUERY = re.compile(r"([?&][^=&]*pass[^=&]*=)[^&]*", re.IGNORECASE)


def settings_in_force(settings: Settings, options: Container[str]) -> Iterator[str]:
    """A line for each setting; the options are those that the command was given."""
    environment = EnvSettingsSource(Settings)()
    file = DotEnvSettingsSource(Settings)()
    for field in Settings.model_fields:
        if field in options:
            source = f"option --{field}"
        elif field in environment:
            source = "environment"
        else:
            source = FILE if field in file else "default"
        value = _without_passwords(str(getattr(settings, field)))
        yield f"{PREFIX}{field.upper()}={escaped(value)} ({source})"


def _without_passwords(text: str) -> str:
    return PASSWORD_IN_QUERY.sub(rf"\1{MASK}", PASSWORD.sub(rf"\1{MASK}@", text))
