"""`gateway dev` gives its children an environment in which nothing of the real Meta is left."""

import json
from pathlib import Path

import pytest

from gateway.cli.local.environment import NUMBER, LocalSetup, prepare, rehearse
from gateway.config.environment import SettingsError

REAL = {
    "META_APP_SECRET": "real secret",
    "META_ACCESS_TOKEN_FILE": "/run/secrets/token",
    "META_VERIFY_TOKEN": "real token",
    "META_PHONE_NUMBER_ID": "42",
    "META_GRAPH_VERSION": "v99.0",
    "META_SOMETHING_NEW": "real",
    "GATEWAY_INSTALLATION": "shop-production",
    "GATEWAY_ALERT_URL": "https://real.test/alert",
    "GATEWAY_HEARTBEAT_URL": "https://real.test/heartbeat",
    "GATEWAY_NOTIFY_URL": "https://real.test/notify",
    "GATEWAY_NOTIFY_SECRET": "whsec_cmVhbCByZWFsIHJlYWwgcmVhbCByZWFs",
}


def played(**env: str) -> LocalSetup:
    return prepare(REAL | env, 8000, real=False)


def test_nothing_real_is_left_where_the_sandbox_plays_meta() -> None:
    setup = played()

    left = set(setup.environment.values()) & set(REAL.values())
    assert left == set()
    assert setup.settings.meta_graph_url == setup.sandbox
    assert setup.settings.meta_phone_number_id == NUMBER


def test_the_sandbox_knows_the_secrets_of_the_gateway() -> None:
    setup = played()

    config = json.loads(setup.sandbox_config())
    assert config["app_secret"] == setup.settings.meta_app_secret[0].get_secret_value()
    assert config["access_token"] == setup.settings.meta_access_token.get_secret_value()
    assert config["webhook_url"] == "http://127.0.0.1:8000/webhook"


@pytest.mark.parametrize("setup", [played(), rehearse(REAL | {"META_ACCESS_TOKEN_FILE": ""}, 8000)])
def test_the_sandbox_receives_what_rules_report(setup: LocalSetup) -> None:
    url = setup.settings.gateway_notify_url.get_secret_value()

    assert url == f"{setup.sandbox}/sandbox/notifications"
    assert setup.settings.notify_secrets != (b"real real real real real",)


def test_the_sandbox_takes_what_is_answered_to_a_replay_of_another_number() -> None:
    assert json.loads(played().sandbox_config())["any_number"] is True


def test_secrets_differ_from_run_to_run() -> None:
    assert played().environment["META_APP_SECRET"] != played().environment["META_APP_SECRET"]


def test_a_server_of_our_own_is_also_the_broker() -> None:
    setup = played(CELERY_BROKER_URL="redis://elsewhere:6379/0")

    assert setup.settings.redis_url == f"redis://127.0.0.1:{setup.redis_port}/0?clock=movable"
    assert setup.settings.broker_url == setup.settings.redis_url


def test_a_redis_that_is_given_is_used() -> None:
    setup = played(REDIS_URL="redis://here:6379/0", CELERY_BROKER_URL="redis://there:6379/0")

    assert setup.redis_port == 0
    assert setup.settings.redis_url == "redis://here:6379/0"
    assert setup.settings.broker_url == "redis://there:6379/0"


def test_real_takes_everything_as_it_is_set_and_starts_no_sandbox() -> None:
    given = REAL | {"META_ACCESS_TOKEN": "token", "META_ACCESS_TOKEN_FILE": ""}
    setup = prepare(given, 8000, real=True)

    assert setup.settings.meta_graph_url == "https://graph.facebook.com"
    assert setup.settings.app_secrets == (b"real secret",)
    assert (setup.sandbox, list(setup.commands())) == ("", ["workers", "web"])


def test_real_never_shares_data_with_play() -> None:
    given = REAL | {"META_ACCESS_TOKEN": "token", "META_ACCESS_TOKEN_FILE": ""}

    assert prepare(given, 8000, real=True).folder != played().folder


def test_real_secrets_are_not_written_down_for_others() -> None:
    given = REAL | {"META_ACCESS_TOKEN": "token", "META_ACCESS_TOKEN_FILE": ""}

    assert prepare(given, 8000, real=True).running(1).app_secret == ""


@pytest.mark.parametrize("setup", [played(), rehearse(REAL | {"META_ACCESS_TOKEN_FILE": ""}, 8000)])
def test_no_simulation_passes_for_the_real_installation(setup: LocalSetup) -> None:
    assert setup.settings.installation.name == ""


def test_only_invented_customers_are_answered_by_the_demo() -> None:
    given = REAL | {"META_ACCESS_TOKEN": "token", "META_ACCESS_TOKEN_FILE": ""}
    given |= {"GATEWAY_DEMO_RULES": "examples/shop"}
    setups = (played(), prepare(given, 8000, real=True), rehearse(given, 8000))

    demos = [one.settings.gateway_demo_rules for one in setups]
    assert demos == [Path(demos[0] or ""), None, None]
    assert (demos[0] or Path()).name == "shop"


def test_real_with_nothing_set_is_refused_with_every_name() -> None:
    with pytest.raises(SettingsError) as refused:
        prepare({}, 8000, real=True)

    assert [line.split()[0] for line in refused.value.problems] == [
        "META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN", "META_PHONE_NUMBER_ID",
    ]  # fmt: skip


def test_the_ports_are_all_different() -> None:
    setup = played()

    assert len({8000, setup.sandbox_port, setup.redis_port}) == 3


def test_a_rehearsal_takes_real_deliveries_and_sends_nothing_to_the_real_meta() -> None:
    setup = rehearse(REAL | {"META_GRAPH_URL": "https://real.test"}, 8000)

    assert setup.settings.app_secrets == (b"real secret",)
    assert setup.settings.meta_verify_token.get_secret_value() == "real token"
    assert setup.settings.meta_phone_number_id == "42"
    assert setup.settings.meta_graph_url == setup.sandbox
    assert setup.environment["META_ACCESS_TOKEN_FILE"] == ""
    assert setup.environment["GATEWAY_ALERT_URL"] == ""


def test_a_rehearsal_leaves_a_given_redis_alone() -> None:
    setup = rehearse(REAL | {"REDIS_URL_FILE": "/run/url", "CELERY_BROKER_URL": "redis://b/0"}, 80)

    assert setup.settings.redis_url == f"redis://127.0.0.1:{setup.redis_port}/0"
    assert setup.settings.broker_url == setup.settings.redis_url


def test_the_sandbox_of_a_rehearsal_signs_as_the_real_meta_does() -> None:
    config = json.loads(rehearse(REAL, 8000).sandbox_config())

    assert (config["app_secret"], config["numbers"][0]["id"]) == ("real secret", "42")


def test_no_rehearsal_shares_data_with_play_or_with_the_real() -> None:
    given = REAL | {"META_ACCESS_TOKEN": "token", "META_ACCESS_TOKEN_FILE": ""}
    setups = (prepare(given, 8000, real=True), rehearse(given, 8000), played())

    assert len({setup.folder for setup in setups}) == 3


def test_nobody_plays_a_customer_in_a_rehearsal_or_learns_its_secret() -> None:
    running = rehearse(REAL, 8000).running(1)

    assert (running.sandbox, running.app_secret) == ("", "")
    assert running.number == "42"
