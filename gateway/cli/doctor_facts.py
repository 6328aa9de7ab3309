"""Everything that was found out, and all checks in the order in which they are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.cli import (
    doctor_app,
    doctor_here,
    doctor_hooks,
    doctor_number,
    doctor_settings,
    doctor_store,
    doctor_work,
)
from gateway.cli.doctor_asked import Meta
from gateway.cli.doctor_findings import Check, Unseen
from gateway.cli.doctor_here import Disk, Rules
from gateway.cli.doctor_settings import Given
from gateway.cli.doctor_store import Redis
from gateway.cli.doctor_work import Broker
from gateway.store.monitoring.snapshot import Reading


@dataclass(frozen=True, slots=True)
class Facts:
    """What each look found, or why it found nothing."""

    given: Given
    version: tuple[str, date] | Unseen  # of Graph, and today
    redis: Redis | Unseen
    reading: Reading | Unseen
    broker: Broker | Unseen
    workers: Mapping[str, int] | Unseen  # by queue
    rules: Rules | Unseen
    disk: Disk | Unseen
    meta: Meta | Unseen


CHECKS: tuple[Check[Any], ...] = (
    *doctor_settings.CHECKS,
    *doctor_store.CHECKS,
    *doctor_work.CHECKS,
    *doctor_here.CHECKS,
    *doctor_app.CHECKS,
    *doctor_hooks.CHECKS,
    *doctor_number.CHECKS,
)
