"""Until when Meta serves a version of its Graph API; by table."""

from datetime import date

import pytest

from gateway.config.settings import Settings
from gateway.graph.admin.versions import ENDS, support_status

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("version", "today", "told"),
    [
        ("v25.0", TODAY, ("served", date(2028, 7, 29))),
        ("v25.0", date(2028, 7, 28), ("served", date(2028, 7, 29))),
        ("v25.0", date(2028, 7, 29), ("ended", date(2028, 7, 29))),
        ("v26.0", TODAY, ("served", None)),
        ("v20.0", TODAY, ("ended", date(2026, 9, 24))),
        ("v9.0", TODAY, ("ended", None)),
        ("v2.12", TODAY, ("ended", None)),
        ("v27.0", TODAY, ("unknown", None)),
        ("v100.0", TODAY, ("unknown", None)),
    ],
)
def test_a_version_is_served_ended_or_not_known_yet(
    version: str, today: date, told: tuple[str, date | None]
) -> None:
    assert support_status(version, today) == told


def test_versions_end_in_the_order_in_which_they_came() -> None:
    ends = [end for end in ENDS.values() if end]

    assert ends == sorted(ends)


def test_the_default_version_is_one_that_is_known() -> None:
    assert Settings.model_fields["meta_graph_version"].default in ENDS
