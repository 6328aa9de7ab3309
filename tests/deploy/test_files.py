"""The compose file and the image: few rights, one listener to each queue, nothing unlocked."""

import re
from datetime import timedelta

import pytest

from gateway.rules.language.outgoing.services import MOST_TIMEOUT
from tasks.celery_setup.config import QUEUES
from tests.deploy.compose import OURS, ROOT, SERVICES, options, services


@pytest.mark.parametrize("name", ["redis", *OURS])
def test_a_service_has_few_rights_and_time_to_end(name: str) -> None:
    service = SERVICES[name]

    assert service["user"] in ("valkey", "10001:10001")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == ("75s" if name == "worker-outgoing" else "45s")
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_a_call_ends_before_its_worker_is_killed() -> None:
    assert timedelta(seconds=75) > MOST_TIMEOUT


def test_nobody_but_the_expected_services_is_there() -> None:
    assert set(SERVICES) == {"redis", *OURS}


def test_only_web_and_flower_can_be_reached_from_the_host() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "gateway": ["127.0.0.1:8000:8000", "127.0.0.1:8001:8001"],
        "flower": ["127.0.0.1:5555:5555"],
    }


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_waits_for_redis_and_cannot_change_files(name: str) -> None:
    service = SERVICES[name]

    assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert service["volumes"] == ["./rules:/app/rules:ro", "./accounts:/app/accounts:ro"]
    assert service["env_file"] == [".env"]
    # Compose refuses what YAML would read as a number or a boolean.
    assert all(isinstance(value, str) for value in service["environment"].values())


def test_redis_keeps_everything_on_disk_and_evicts_nothing() -> None:
    redis = SERVICES["redis"]

    assert options(redis["command"]) == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    assert redis["volumes"] == ["redis:/data"]
    assert re.fullmatch(r"valkey/valkey:\d+\.\d+\.\d+-alpine", redis["image"])


def test_each_queue_has_one_service_that_listens_to_it() -> None:
    listening = [
        (queue, name, given["P"], given["c"])
        for name, service in SERVICES.items()
        if (given := options(service["command"])).get("Q")
        for queue in given["Q"].split(",")
    ]

    assert sorted(listening) == [
        ("bulk", "worker-bulk", "threads", "2"),
        ("critical", "worker-critical", "threads", "4"),
        ("default", "worker-default", "prefork", "4"),
        ("outgoing", "worker-outgoing", "threads", "8"),
        ("scheduled", "worker-default", "prefork", "4"),
    ]
    assert {queue for queue, *_ in listening} == set(QUEUES)


def test_flower_is_not_started_without_a_password() -> None:
    with pytest.raises(LookupError, match="FLOWER_BASIC_AUTH=user:password"):
        services({"FLOWER_BASIC_AUTH": ""})


def test_workers_report_tasks_to_flower_only_where_that_is_asked_for() -> None:
    asked = services({"FLOWER_BASIC_AUTH": "a:b", "FLOWER_ENABLE_EVENTS": "true"})

    assert SERVICES["flower"]["environment"]["FLOWER_ENABLE_EVENTS"] == "false"
    assert asked["flower"]["environment"]["FLOWER_ENABLE_EVENTS"] == "true"


def test_the_image_installs_only_what_is_locked_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    installs = re.findall(r"pip .*install (.*)", text)

    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or install == "--no-deps /wheels/*.whl"
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
