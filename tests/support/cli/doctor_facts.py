"""A gateway in which all is well, in facts, and what becomes of them when one thing changes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from gateway import __version__
from gateway.cli.setup.doctor.checks.rules_and_disk import Disk, Rules
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.checks.store import Redis
from gateway.cli.setup.doctor.checks.workers import Broker
from gateway.cli.setup.doctor.facts import CHECKS, DoctorFacts
from gateway.cli.setup.doctor.findings import Result, run_checks
from gateway.cli.setup.doctor.meta_answers import Handshake, MetaAnswers
from gateway.core.sending.pauses import NumberPauses
from gateway.core.sending.send import PRIORITIES
from gateway.core.storage.ownership import Installation
from gateway.graph.admin.models import (
    MANAGEMENT,
    MESSAGING,
    AppCallback,
    AppInfo,
    Callbacks,
    EntityHealth,
    NumberInfo,
    SubscribedApp,
    TokenInfo,
)
from gateway.store.inbox.inbox import PartitionState
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.number_state import LaneFigures, NumberState
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.server.health import ServerHealth as StoreHealth
from gateway.store.server.health import layout_name
from gateway.store.server.inspection import Inspection, Server

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = 1_795_374_900_000
MB, GB = 1 << 20, 1 << 30
APP, WABA, NUMBER = "300", "200", "100"
URL = "https://our.host/webhook"

SERVER = Server(
    {
        "redis_version": "7.2.4", "server_name": "valkey", "role": "master", "aof_enabled": 1,
        "maxmemory": 100 * MB, "used_memory": 10 * MB, "aof_current_size": 5 * MB,
    },
    fsync="always",
)  # fmt: skip
EXAMINED = Inspection(
    (SERVER,), unavailable=0, address_problem="", layout=layout_name(), replicas=0
)
MINE = Installation("", NUMBER)
STANDING = PartitionState(0, NOW_MS, "5-0", False, 0, 0, 0, False, 100, 0)
OURS = NumberState(NUMBER, {}, 0, 0, 0, 0, NumberPauses(), dict.fromkeys(PRIORITIES, LaneFigures()))
READING = Snapshot(
    now_ms=NOW_MS,
    health=StoreHealth(),
    partitions=(STANDING,),
    numbers=(OURS,),
    ago_s={"tick": 0.8, "sweep": 1.0, "watch": 3.0, "web": 0.5},
    canary=Canary(took_s=0.12, age_s=20.0),
    release=f"{__version__}/abc",
    has_beat_leader=True,
)
NUMBER_INFO = NumberInfo(
    id=NUMBER, quality="GREEN", status="CONNECTED", code_verification="VERIFIED",
    name_status="APPROVED", mode="LIVE", throughput="STANDARD", messaging_limit="TIER_2K",
    callbacks=Callbacks(app=URL), health=(EntityHealth("PHONE_NUMBER", "AVAILABLE"),),
)  # fmt: skip
TOKEN = TokenInfo(True, APP, "SYSTEM_USER", None, (MESSAGING, MANAGEMENT), {})
CALLBACK = AppCallback(
    "whatsapp_business_account", URL, active=True,
    fields=(
        "messages", "user_preferences", "phone_number_quality_update",
        "message_template_status_update",
        "message_template_quality_update",
    ),
)  # fmt: skip
META = MetaAnswers(
    now=AT, app_id=APP, number_id=NUMBER, secrets=(AppInfo(APP),), token=TOKEN,
    number=NUMBER_INFO, numbers=(NUMBER_INFO,), subscribed=(SubscribedApp(APP),),
    callbacks=(CALLBACK,), handshake=Handshake(),
)  # fmt: skip
WELL = DoctorFacts(
    given=Given(mode=0o100600),
    version=("v25.0", date(2026, 11, 22)),
    redis=Redis(examined=EXAMINED, mine=MINE),
    reading=READING,
    broker=Broker(),
    workers={"critical": 1, "default": 2, "bulk": 1, "scheduled": 2, "outgoing": 1},
    rules=Rules("abc", 3),
    disk=Disk(50 * GB, 5 * MB),
    meta=META,
)  # fmt: skip


def found(facts: DoctorFacts, check: str = "") -> list[Result]:
    """Return what all checks say, or one of them."""
    return [one for one in run_checks(CHECKS, facts) if check in ("", one.name)]


def server(**info: Any) -> dict[str, Any]:
    """Change what the server says of itself."""
    return examined(servers=(replace(SERVER, info={**SERVER.info, **info}),))


def examined(**fields: Any) -> dict[str, Any]:
    return {"redis": Redis(examined=replace(EXAMINED, **fields), mine=MINE)}


def reading(**fields: Any) -> dict[str, Any]:
    return {"reading": replace(READING, **fields)}


def meta(**fields: Any) -> dict[str, Any]:
    return {"meta": replace(META, **fields)}


def number(**fields: Any) -> dict[str, Any]:
    return meta(number=replace(NUMBER_INFO, **fields))


def token(**fields: Any) -> dict[str, Any]:
    return meta(token=replace(TOKEN, **fields))
