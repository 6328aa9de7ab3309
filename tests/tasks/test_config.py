"""Celery is set up once, completely, and with names that somebody reads."""

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.schedules import crontab
from redbeat.schedulers import RedBeatConfig

from gateway.config.settings import Settings
from tasks.celery_setup.broker import use_store
from tasks.celery_setup.config import UnknownOptionError, config, reject_unknown_options
from tasks.celery_setup.schedule import SCHEDULE

ROOT = Path(__file__).parents[2]


def settings(**env: str) -> Settings:
    given = {
        "REDIS_URL": "redis://store:6379/0", "META_APP_SECRET": "s", "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN": "t", "META_PHONE_NUMBER_ID": "1",
    }  # fmt: skip
    return Settings.from_env(given | env)


def python(script: str, tmp_path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run Python in an empty folder with an empty environment."""
    return subprocess.run(
        [sys.executable, *args, "-c", script] if script else [sys.executable, *args],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("task_acks_late", True),
        ("task_reject_on_worker_lost", True),
        ("worker_prefetch_multiplier", 1),
        ("task_serializer", "json"),
        ("accept_content", ["json"]),
        ("task_default_queue", "default"),
        ("task_create_missing_queues", False),
        ("task_ignore_result", True),
        ("result_expires", 86_400),
        ("result_backend", "tasks.celery_setup.result_backend:ResultBackend"),
        ("task_publish_retry", False),
        ("task_annotations", {"*": {"max_retries": 0}}),
        ("worker_cancel_long_running_tasks_on_connection_loss", False),
        ("worker_send_task_events", False),
        ("broker_connection_max_retries", None),
        ("broker_connection_retry_on_startup", True),
        ("beat_scheduler", "tasks.scheduled.beat.Beat"),
        ("timezone", "UTC"),
    ],
)
def test_the_production_checklist_is_kept(option: str, value: object) -> None:
    assert config(settings())[option] == value


def test_results_expire_and_a_cluster_which_celery_cannot_read_has_none() -> None:
    many = {"REDIS_URL": "redis-cluster://one:1,two:2", "CELERY_BROKER_URL": "redis://broker:1/0"}

    assert config(settings(GATEWAY_RESULTS="90m"))["result_expires"] == 5_400
    assert config(settings(GATEWAY_RESULTS="0s"))["result_expires"] == 1
    assert config(settings(**many))["result_backend"] is None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ack_emulation", False),
        ("priority_steps", [0]),
        ("socket_timeout", 5),
        ("socket_connect_timeout", 2),
        ("socket_keepalive", True),
        ("health_check_interval", 10),
        ("global_keyprefix", "gw:celery:"),
    ],
)
def test_the_transport_is_told_what_it_does_not_assume(option: str, value: object) -> None:
    assert config(settings())["broker_transport_options"][option] == value


def test_each_queue_is_reached_by_its_own_name_only() -> None:
    queues = config(settings())["task_queues"]

    names = ["critical", "default", "bulk", "scheduled", "outgoing"]
    assert [queue.name for queue in queues] == names
    assert [queue.routing_key for queue in queues] == names


@pytest.mark.parametrize("name", ["task_max_retries", "task_default_retry_delay", "nonsense"])
def test_an_option_that_nobody_reads_is_refused(name: str) -> None:
    with pytest.raises(UnknownOptionError, match=name):
        reject_unknown_options({name: 3})


def test_the_broker_is_the_store_unless_set_apart() -> None:
    assert config(settings())["broker_url"] == "redis://store:6379/0"

    apart = config(settings(CELERY_BROKER_URL="redis://broker:6379/1"))
    assert apart["broker_url"] == "redis://broker:6379/1"


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        ("redis://broker:6379/0", None),
        ("rediss://broker:6379/0", {"ssl_cert_reqs": "required"}),
        ("rediss://broker:6379/0?ssl_cert_reqs=none", {"ssl_cert_reqs": "none"}),
    ],
)
def test_a_broker_behind_tls_has_to_prove_who_it_is(url: str, verified: object) -> None:
    assert config(settings(CELERY_BROKER_URL=url))["broker_use_ssl"] == verified


def test_redbeat_finds_all_it_asks_for_without_a_warning() -> None:
    app = Celery("test", set_as_current=False)
    app.config_from_object(config(settings()))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = RedBeatConfig(app)

    assert (found.key_prefix, found.lock_timeout) == ("gw:{beat}:", 10)
    assert found.schedule == SCHEDULE


def test_beat_rings_for_what_is_due_what_waits_and_what_is_old() -> None:
    entries: dict[str, Any] = SCHEDULE

    assert {name: (entry["task"], entry["schedule"]) for name, entry in entries.items()} == {
        "process-scheduled-messages": ("tasks.process_scheduled_messages", 1.0),
        "sweep-waiting": ("tasks.sweep", 2.0),
        "watch": ("tasks.watch", 5.0),
        "canary": ("tasks.canary", 60.0),
        "fetch-templates": ("tasks.templates", 60.0),
        "cleanup-expired-sessions": (
            "tasks.cleanup_expired_sessions",
            crontab(hour="2", minute="0"),
        ),
    }
    # Meta may take minutes for a list of templates.
    elsewhere = {name for name, one in entries.items() if one["options"]["queue"] != "scheduled"}
    assert elsewhere == {"fetch-templates"}
    assert entries["fetch-templates"]["options"] == {"queue": "outgoing"}
    # Such an expiry compares the clocks of two hosts.
    assert not any("expires" in entry["options"] for entry in entries.values())


def test_nothing_is_read_when_tasks_are_imported(tmp_path: Path) -> None:
    ended = python(
        "import tasks.inbound, tasks.outbound, tasks.scheduled.jobs, tasks.app", tmp_path
    )

    assert (ended.returncode, ended.stderr) == (0, "")


ADDRESSES = [
    "redis://user:PASSWORD@host:6379/0", "rediss://:PASSWORD@host:6379/0",
    "redis-sentinel://user:PASSWORD@one:1,two:2/main",
    "redis-cluster://user:PASSWORD@one:1,two:2", "unix://user:PASSWORD@/run/redis.sock",
]  # fmt: skip
BROKERS = [
    *ADDRESSES[:3], "amqp://user:PASSWORD@host//",
]  # fmt: skip


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("broker", BROKERS)
def test_no_secret_stands_in_what_celery_tells_of_its_configuration(url: str, broker: str) -> None:
    secrets = {
        "META_APP_SECRET": "PASSWORD1", "META_VERIFY_TOKEN": "PASSWORD2",
        "META_ACCESS_TOKEN": "PASSWORD3", "GATEWAY_ENCRYPTION_KEYS": "ab" * 32,
    }  # fmt: skip
    app = Celery("test", set_as_current=False)
    given = settings(REDIS_URL=url, CELERY_BROKER_URL=broker, **secrets)
    app.config_from_object(config(given))
    use_store(app, given.redis_url)

    # As `celery inspect conf`, Flower, and `celery report` ask for it.
    told = f"{app.conf.table(with_defaults=True)} {app.conf.humanize(with_defaults=True)}"

    assert "redbeat_key_prefix" in told
    assert "PASSWORD" not in told
    assert "abab" not in told


def test_no_secret_stands_in_the_report(tmp_path: Path) -> None:
    env = {
        "REDIS_URL": "redis://:PASSWORD@127.0.0.1:1", "META_APP_SECRET": "PASSWORD1",
        "META_VERIFY_TOKEN": "PASSWORD2", "META_ACCESS_TOKEN": "PASSWORD3",
        "META_PHONE_NUMBER_ID": "1",
    }  # fmt: skip
    (tmp_path / ".env").write_text("".join(f"{name}={said}\n" for name, said in env.items()))

    ended = python("", tmp_path, "-m", "celery", "-A", "tasks", "report")

    assert "redbeat_key_prefix" in ended.stdout
    assert "PASSWORD" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("command", ["report", "worker", "beat"])
def test_celery_without_settings_ends_with_all_that_is_missing(
    tmp_path: Path, command: str
) -> None:
    ended = python("", tmp_path, "-m", "celery", "-A", "tasks", command)

    assert ended.returncode == 2
    assert "The settings are not complete:" in ended.stderr
    assert "META_APP_SECRET is not set" in ended.stderr
    assert "Traceback" not in ended.stderr
