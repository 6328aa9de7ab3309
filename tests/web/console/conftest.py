"""Panels of the console have as long as they need: a shared machine may stand still for seconds."""

import pytest

from gateway.web.console.desk import desk
from tests.support.web.clinic_world import clinic as clinic


@pytest.fixture(autouse=True)
def _patient_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "PANEL_WITHIN_S", 20.0)
