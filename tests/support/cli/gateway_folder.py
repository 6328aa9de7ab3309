"""A folder with rules and settings, in which tests run commands as an operator does."""

from pathlib import Path

import pytest

from tests.support.cli.dev_gateway import RULES


def enter_gateway_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    """Enter a folder whose `.env` describes a gateway of one number, and which has rules."""
    monkeypatch.chdir(folder)
    Path("rules.yaml").write_text(RULES)
    write_settings(redis_url)


def write_settings(redis_url: str) -> None:
    """Write `.env` here."""
    Path(".env").write_text(
        f"REDIS_URL={redis_url}\nMETA_APP_SECRET=s\nMETA_VERIFY_TOKEN=v\n"
        "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\nGATEWAY_RULES=rules.yaml\n"
    )
