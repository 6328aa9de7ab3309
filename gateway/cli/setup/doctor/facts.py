"""Facts of the doctor, and all checks in the order in which they are reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.cli.setup.doctor.checks import (
    meta_app,
    meta_number,
    meta_templates,
    meta_webhooks,
    rules_and_disk,
    settings_file,
    store,
    workers,
)
from gateway.cli.setup.doctor.checks.rules_and_disk import Disk, Rules
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.checks.store import Redis
from gateway.cli.setup.doctor.checks.workers import Broker
from gateway.cli.setup.doctor.findings import Check, Unseen
from gateway.cli.setup.doctor.meta_answers import MetaAnswers
from gateway.store.monitoring.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DoctorFacts:
    """Facts of the doctor: the result of each probe, or the reason that it has none."""

    given: Given
    version: tuple[str, date] | Unseen  # of Graph, and today
    redis: Redis | Unseen
    reading: Snapshot | Unseen
    broker: Broker | Unseen
    workers: Mapping[str, int] | Unseen  # by queue
    rules: Rules | Unseen
    disk: Disk | Unseen
    meta: MetaAnswers | Unseen


CHECKS: tuple[Check[Any], ...] = (
    *settings_file.CHECKS,
    *store.CHECKS,
    *workers.CHECKS,
    *rules_and_disk.CHECKS,
    *meta_app.CHECKS,
    *meta_webhooks.CHECKS,
    *meta_number.CHECKS,
    *meta_templates.CHECKS,
)
