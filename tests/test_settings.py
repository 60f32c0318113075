"""Settings: the environment's, checked at once, and the same as the table in docs."""

import re
from pathlib import Path

import pytest

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


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_ANALYTICS_PORT", "99999")
    monkeypatch.setenv("CALL_ANALYTICS_KEY_CACHE_SECONDS", "-1")

    with pytest.raises(SettingsError) as refusal:
        load_settings()

    assert str(refusal.value) == (
        "CALL_ANALYTICS_PORT: Input should be less than or equal to 65535; "
        "CALL_ANALYTICS_KEY_CACHE_SECONDS: Input should be greater than or equal to 0"
    )
