"""Settings: the environment's, checked at once, and the same as the table in docs."""

import re
from pathlib import Path

import pytest

from call_analytics.cli.settings_in_force import settings_in_force
from call_analytics.settings import PREFIX, Settings, SettingsError, load_settings

OPERATING = Path(__file__).parents[1] / "docs" / "operating.md"
ROW = re.compile(rf"^\| `{PREFIX}(\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without a ``.env``."""
    monkeypatch.chdir(tmp_path)


def test_the_docs_list_every_setting_with_its_default() -> None:
    listed = {
        name.lower(): (default, text) for name, default, text in ROW.findall(OPERATING.read_text())
    }

    assert listed == {
        name: (f"`{field.default}`" if str(field.default) else "none", field.description)
        for name, field in Settings.model_fields.items()
    }


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "9000")
    monkeypatch.setenv("CALL_ANALYTICS_HOST", "")

    settings = load_settings()

    assert (settings.port, settings.host) == (9000, "127.0.0.1")


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CALL_ANALYTICS_WORKERS=3\nOTHER=1\n")

    assert load_settings().workers == 3


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("TRUSTED_PROXIES", "foo", "'foo' is no address and no network, as in 10.0.0.0/8"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.1/8",
            "'10.0.0.1/8' is no address and no network, as in 10.0.0.0/8",
        ),
        ("TRUSTED_PROXIES", "10.0.0.1,", "'' is no address and no network, as in 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "*, 10.0.0.1", "'*' trusts every proxy, so it stands alone"),
        (
            "CORS_ORIGINS",
            "https://a.example.org, dashboard.example.org",
            "'dashboard.example.org' is no origin, as in https://dashboard.example.org",
        ),
        (
            "CORS_ORIGINS",
            "https://a.example.org/",
            "'https://a.example.org/' is no origin, as in https://dashboard.example.org",
        ),
        ("HOST", "999.1.1.1", "'999.1.1.1' is no address and no host name"),
        ("LOG_LEVEL", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
        (
            "DATABSE_URL",
            "sqlite:///calls.db",
            "there is no such setting; did you mean CALL_ANALYTICS_DATABASE_URL?",
        ),
        ("XYZZY", "1", "there is no such setting"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)

    with pytest.raises(SettingsError) as refusal:
        load_settings()

    assert str(refusal.value) == f"{PREFIX}{name}: {complaint}"


def test_a_misspelt_name_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("call_analytics_prot=1\n")

    with pytest.raises(SettingsError, match=r"^call_analytics_prot: .* CALL_ANALYTICS_PORT\?$"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16, fd00::/8"),
        ("TRUSTED_PROXIES", "*"),
        ("CORS_ORIGINS", "https://a.example.org, http://localhost:3000"),
        ("HOST", "localhost"),
        ("HOST", "::1"),
        ("HOST", "db-1.example.org"),
    ],
)
def test_a_good_setting_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)

    assert getattr(load_settings(), name.lower()) == value


@pytest.mark.parametrize("level", ["WARNING", "Warning", "warning"])
def test_a_log_level_may_have_either_case(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_LOG_LEVEL", level)

    assert load_settings().log_level == "warning"


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "99999")
    monkeypatch.setenv("CALL_ANALYTICS_KEY_CACHE_SECONDS", "-1")

    with pytest.raises(SettingsError) as refusal:
        load_settings()

    assert str(refusal.value) == (
        "CALL_ANALYTICS_PORT: Input should be less than or equal to 65535; "
        "CALL_ANALYTICS_KEY_CACHE_SECONDS: Input should be greater than or equal to 0"
    )


def test_an_option_wins_over_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "9000")

    assert load_settings(port=9001).port == 9001


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(workers=0)

    assert str(refusal.value) == "--workers: Input should be greater than or equal to 1"


def test_a_wrong_setting_is_named_though_an_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "tcp://10.0.0.1:80")

    with pytest.raises(SettingsError, match=r"^CALL_ANALYTICS_PORT: "):
        load_settings(port=9001)


def test_settings_in_force_say_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CALL_ANALYTICS_WORKERS=3\nCALL_ANALYTICS_HOST=::1\n")
    monkeypatch.setenv("CALL_ANALYTICS_HOST", "localhost")
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "9000")
    monkeypatch.setenv("CALL_ANALYTICS_LOG_LEVEL", "")
    monkeypatch.setenv("CALL_ANALYTICS_TRUSTED_DOCUMENTS", "a\n\x1b[2J")
    options = {"port": 9001}

    lines = list(settings_in_force(load_settings(**options), options))

    assert len(lines) == len(Settings.model_fields)
    assert {
        "CALL_ANALYTICS_HOST=localhost (environment)",
        "CALL_ANALYTICS_PORT=9001 (option --port)",
        "CALL_ANALYTICS_WORKERS=3 (.env)",
        "CALL_ANALYTICS_LOG_LEVEL=info (default)",
        "CALL_ANALYTICS_TRUSTED_DOCUMENTS=a\\n\\x1b[2J (environment)",
    } <= set(lines)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (
            "DATABASE_URL",
            "postgresql://ada:secret@db/calls",
            "postgresql://ada:**********@db/calls",
        ),
        (
            "DATABASE_URL",
            "postgresql://ada:sec/ret@secret@db:5432/calls",
            "postgresql://ada:**********@db:5432/calls",
        ),
        (
            "DATABASE_URL",
            "postgresql://db/calls?user=ada&password=secret&ssl=require",
            "postgresql://db/calls?user=ada&password=**********&ssl=require",
        ),
        ("DATABASE_URL", "postgresql://ada@db:5432/calls", "postgresql://ada@db:5432/calls"),
        ("RATE_LIMIT_STORAGE", "redis://:secret@cache:6379/0", "redis://:**********@cache:6379/0"),
        ("TELEMETRY_TOKEN", "secret", "**********"),
    ],
)
def test_settings_in_force_have_no_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)

    lines = list(settings_in_force(load_settings(), {}))

    assert f"{PREFIX}{name}={shown} (environment)" in lines
    assert "secret" not in "\n".join(lines)
