"""The webhook takes what nobody would send: no 5xx, no traceback, bounded memory, no loss."""

import os
from pathlib import Path

import pytest

from tests.support.faults.fuzz import fuzz

pytestmark = pytest.mark.faults
REQUESTS = int(os.environ.get("GATEWAY_FUZZ_REQUESTS", "2000"))


def test_generated_requests_become_events_or_are_refused(tmp_path: Path) -> None:
    report = fuzz(tmp_path, REQUESTS, seed=1, step=lambda _: None)

    assert report.problems == []
    assert report.kept == report.passed > REQUESTS / 2
    assert report.unreadable > 0
    assert set(report.answers) <= {200, 400, 401, 403, 404, 405, 408, 413, 431, 503}
    assert report.grown_mb < 80
