"""A configuration is read whole, or refused with one sentence that repeats no secret."""

from typing import Any

import pytest

from gateway.sandbox.config import Config, ConfigError, Number

SMALLEST: dict[str, Any] = {
    "app_secret": "hush-secret",
    "access_token": "hush-token",
    "webhook_url": "http://127.0.0.1:8000/webhook",
    "numbers": [{"id": "1", "display": "15550001111"}],
}


def test_four_fields_are_enough() -> None:
    config = Config.from_mapping(SMALLEST)

    assert config.numbers == (Number("1", "15550001111"),)
    assert (config.host, config.enforce_limits, config.messages_per_second) == (
        "127.0.0.1",
        True,
        80,
    )


def test_everything_else_can_be_set() -> None:
    config = Config.from_mapping(
        SMALLEST | {"port": 0, "read_after_s": None, "retry_pauses_s": [0, 0.5], "batch_max": 10}
    )

    assert (config.port, config.read_after_s, config.batch_max) == (0, None, 10)
    assert config.retry_pauses_s == (0, 0.5)


def test_policies_can_be_set() -> None:
    more = {"enforce_window": "status", "templates": {"sale": "marketing"}, "answer_after_s": 0.05}
    config = Config.from_mapping(SMALLEST | more)

    assert (config.enforce_window, config.enforce_opt_out) == ("status", "status")
    assert (config.templates, config.answer_after_s) == ({"sale": "marketing"}, 0.05)


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Config.from_mapping(SMALLEST))


WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([], "The configuration must be a JSON object."),
    "unknown field": (SMALLEST | {"colour": 1}, "Unknown field in the configuration: colour."),
    "no secret": (
        {key: value for key, value in SMALLEST.items() if key != "app_secret"},
        "The configuration lacks app_secret.",
    ),
    "empty token": (
        SMALLEST | {"access_token": ""},
        "access_token must be a string that is not empty.",
    ),
    "no address": (
        SMALLEST | {"webhook_url": "localhost:8000"},
        "webhook_url must be a web address that begins with http:// or https://.",
    ),
    "no number": (
        SMALLEST | {"numbers": []},
        'numbers must be a list of at least one {"id": digits, "display": text}.',
    ),
    "number of letters": (
        SMALLEST | {"numbers": [{"id": "x", "display": "1"}]},
        'numbers must be a list of at least one {"id": digits, "display": text}.',
    ),
    "port too high": (SMALLEST | {"port": 65536}, "port must be a port, 0 to 65535."),
    "flag as number": (SMALLEST | {"statuses": 1}, "statuses must be true or false."),
    "negative delay": (
        SMALLEST | {"sent_after_s": -1},
        "sent_after_s must be a number of seconds, 0 or more.",
    ),
    "rate of nothing": (
        SMALLEST | {"messages_per_second": 0},
        "messages_per_second must be a whole number, 1 or more.",
    ),
    "window told by a letter": (
        SMALLEST | {"enforce_window": "letter"},
        "enforce_window must be off, status or answer.",
    ),
    "template of no category": (
        SMALLEST | {"templates": {"sale": "service"}},
        "templates must be names of templates, each with marketing, utility, authentication or "
        "with category, languages (of each its status) and components.",
    ),
    "account of a word": (
        SMALLEST | {"other_accounts": {"x": SMALLEST["numbers"]}},
        "other_accounts must be accounts, each an id with a list like numbers.",
    ),
    "app of a word": (SMALLEST | {"app_id": "x"}, "app_id must be an id, digits only."),
    "restless": (
        SMALLEST | {"retry_pauses_s": [1, 0]},
        "retry_pauses_s must be a list of seconds that does not end with 0.",
    ),
}


@pytest.mark.parametrize(("mapping", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_configuration_is_refused_with_a_sentence(mapping: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_mapping(mapping)

    assert str(refused.value) == sentence


def test_other_accounts_are_listed_beside_the_own() -> None:
    numbers = [{"id": "5", "display": "15550005555"}]
    config = Config.from_mapping(SMALLEST | {"waba_id": "1", "other_accounts": {"9": numbers}})

    assert config.accounts == {"9": (Number("5", "15550005555"),), "1": config.numbers}
