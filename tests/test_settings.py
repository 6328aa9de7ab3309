"""The environment is read once, wrong settings are named all at once, and secrets never shown."""

import base64
import re
from datetime import timedelta
from pathlib import Path

import pytest
from dotenv import dotenv_values

from gateway.config.environment import SettingsError
from gateway.config.settings import Settings
from gateway.config.types import without_secrets

ROOT = Path(__file__).parent.parent
KEY = "5e" * 32
SIGNING = f"whsec_{base64.b64encode(b'a signing secret of hush').decode()}"
NEEDED = {
    "REDIS_URL": "redis://someone:hush0@store:6379/0",
    "META_APP_SECRET": "hush1",
    "META_VERIFY_TOKEN": "hush2",
    "META_ACCESS_TOKEN": "hush3",
    "META_PHONE_NUMBER_ID": "106540352242922",
}


def problems(**env: str) -> tuple[str, ...]:
    """Return what is said of this environment beside all that is needed."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(NEEDED | env)
    return raised.value.problems


def written(text: str) -> dict[str, str]:
    """Return every assignment of an example file, those in comments too."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({})

    assert [told.split()[0] for told in raised.value.problems] == list(NEEDED)
    assert str(raised.value).splitlines() == list(raised.value.problems)


def test_missing_and_malformed_are_named_together() -> None:
    told = problems(META_VERIFY_TOKEN="", GATEWAY_RETENTION="a week", META_GRAPH_URL="graph")

    assert told == (
        "META_VERIFY_TOKEN is not set (Asked for in the handshake.)",
        "META_GRAPH_URL is no web address: write https://host",
        "GATEWAY_RETENTION is no duration: write a number and s, m, h or d, for example 30m",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "store:6379"),
        ("META_APP_SECRET", " , "),
        ("META_PHONE_NUMBER_ID", "+15550001111"),
        ("META_GRAPH_VERSION", "25"),
        ("META_MESSAGES_PER_SECOND", "0"),
        ("META_MESSAGES_PER_SECOND", "many"),
        ("GATEWAY_ENCRYPTION_KEYS", f"{KEY},{KEY}0"),
        ("META_APP_ID", "my app"),
        ("META_WABA_ID", "+15550001111"),
        ("GATEWAY_API_KEYS", "short"),
        ("GATEWAY_API_KEYS", "sha256:beef"),
        ("GATEWAY_API_KEYS", "twenty characters with spaces"),
        ("GATEWAY_STORE_BYTES", "2 apples"),
        ("GATEWAY_ALERT_URL", "hooks.test/T0"),
        ("GATEWAY_HEARTBEAT_URL", "ftp://hooks.test/T0"),
        ("GATEWAY_NOTIFY_URL", "hooks.test/T0"),
        ("GATEWAY_NOTIFY_SECRET", "whsec_c2hvcnQ="),
        ("GATEWAY_NOTIFY_SECRET", "whsec_no base64!"),
        ("GATEWAY_NOTIFY_SECRET", "bm8gcHJlZml4IG5vIHByZWZpeCBubyBwcmVmaXg="),
        ("GATEWAY_LOG_LEVEL", "loud"),
    ],
)
def test_a_malformed_value_is_named_and_not_repeated(name: str, value: str) -> None:
    [told] = problems(**{name: value})

    assert told.startswith(f"{name} ")
    assert value not in told


def test_an_empty_value_counts_as_not_given() -> None:
    settings = Settings.from_env(NEEDED | {"GATEWAY_RETENTION": "", "META_GRAPH_VERSION": ""})

    assert (settings.gateway_retention, settings.meta_graph_version) == (timedelta(7), "v25.0")


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    settings = Settings.from_env(NEEDED | {"META_APP_SECRET_FILE": str(tmp_path / "secret")})

    assert settings.app_secrets == (b"from a file",)


@pytest.mark.parametrize("name", sorted(NEEDED))
@pytest.mark.parametrize("way", ["environment", "file"])
def test_space_and_a_byte_order_mark_around_a_value_are_no_part_of_it(
    tmp_path: Path, name: str, way: str
) -> None:
    value = f"\ufeff{NEEDED[name]} \r\n"
    if way == "file":
        (tmp_path / "value").write_text(value, encoding="utf-8")
        env = NEEDED | {name: "", f"{name}_FILE": str(tmp_path / "value")}
    else:
        env = NEEDED | {name: value}

    assert Settings.from_env(env) == Settings.from_env(NEEDED)


@pytest.mark.parametrize("name", ["META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"])
@pytest.mark.parametrize(
    ("value", "sign"), [("hu\u200bsh", "U+200B"), ("\u201chush\u201d", "U+201C")]
)
def test_a_secret_with_what_copying_adds_is_refused_and_not_repeated(
    name: str, value: str, sign: str
) -> None:
    (told,) = problems(**{name: value})

    assert told == f"{name} holds {sign}, which belongs to no secret: copy it anew"


@pytest.mark.parametrize("token", ["EAA secret", "EAA\u00e9"])
def test_a_token_that_no_header_can_carry_is_refused_before_it_is_used(token: str) -> None:
    (told,) = problems(META_ACCESS_TOKEN=token)

    assert told.startswith("META_ACCESS_TOKEN holds characters that no HTTP header can carry")
    assert "EAA" not in told


@pytest.mark.parametrize("where", ["nowhere", ".", "no-text"])
def test_a_file_that_cannot_be_read_is_the_only_thing_said_of_its_setting(
    tmp_path: Path, where: str
) -> None:
    (tmp_path / "no-text").write_bytes(b"\xff\xfe\x00")

    told = problems(META_APP_SECRET="", META_APP_SECRET_FILE=str(tmp_path / where))

    assert told == ("META_APP_SECRET_FILE names a file that cannot be read",)


def test_a_secret_given_in_place_of_its_file_is_not_repeated() -> None:
    assert "hush" not in " ".join(problems(META_ACCESS_TOKEN_FILE="hush4"))


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ("one", (b"one",)),
        ("new, old", (b"new", b"old")),
        ("new\nold\n", (b"new", b"old")),
    ],
    ids=["one", "commas", "lines"],
)
def test_several_app_secrets_are_kept_in_order(given: str, secrets: tuple[bytes, ...]) -> None:
    assert Settings.from_env(NEEDED | {"META_APP_SECRET": given}).app_secrets == secrets


def test_encryption_keys_are_bytes_newest_first() -> None:
    settings = Settings.from_env(NEEDED | {"GATEWAY_ENCRYPTION_KEYS": f"{KEY},{'A0' * 32}"})

    assert settings.encryption_keys == (b"\x5e" * 32, b"\xa0" * 32)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), (" 7 d ", 604_800)],
)
def test_durations(text: str, seconds: int) -> None:
    settings = Settings.from_env(NEEDED | {"GATEWAY_RETENTION": text})

    assert settings.gateway_retention == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["7", "d", "-1d", "1.5h", "7D", "1w", "9999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert problems(GATEWAY_RETENTION=text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("500000", 500_000), ("64KB", 65_536), ("512MB", 536_870_912), ("2 gb", 2_147_483_648)],
)
def test_sizes(text: str, count: int) -> None:
    assert Settings.from_env(NEEDED | {"GATEWAY_STORE_BYTES": text}).gateway_store_bytes == count


@pytest.mark.parametrize("text", ["-1", "2TB", "GB", "1.5GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    assert problems(GATEWAY_STORE_BYTES=text)


def test_the_broker_is_the_store_unless_it_is_set_apart() -> None:
    apart = "amqp://rabbit"

    assert Settings.from_env(NEEDED).broker_url == NEEDED["REDIS_URL"]
    assert Settings.from_env(NEEDED | {"CELERY_BROKER_URL": apart}).broker_url == apart


@pytest.mark.parametrize(
    "env",
    [
        {"REDIS_URL": "redis-cluster://one:6379,two:6379"},
        {"CELERY_BROKER_URL": "rediss-cluster://one:6379"},
    ],
    ids=["as store and broker", "as broker"],
)
def test_a_cluster_is_no_broker(env: dict[str, str]) -> None:
    (told,) = problems(**env)

    assert told == (
        "CELERY_BROKER_URL has to name a server of its own, such as redis://broker:6379/0: "
        "Celery's messages cannot go through a Redis Cluster"
    )


def test_a_store_on_a_cluster_with_a_broker_of_its_own_is_fine() -> None:
    env = {"REDIS_URL": "redis-cluster://one,two", "CELERY_BROKER_URL": "redis://broker:6379/0"}

    assert Settings.from_env(NEEDED | env).broker_url == "redis://broker:6379/0"


def test_an_address_of_notifications_needs_a_secret() -> None:
    [told] = problems(GATEWAY_NOTIFY_URL="https://hooks.test/hush")

    assert told.startswith("GATEWAY_NOTIFY_SECRET is not set, and GATEWAY_NOTIFY_URL needs it")
    assert "hush" not in told


@pytest.mark.parametrize("between", [" ", "\n", ", "])
def test_several_secrets_sign_notifications(between: str) -> None:
    given = between.join([SIGNING, SIGNING])

    assert Settings.from_env(NEEDED | {"GATEWAY_NOTIFY_SECRET": given}).notify_secrets == (
        b"a signing secret of hush",
        b"a signing secret of hush",
    )


def test_secrets_are_shown_nowhere() -> None:
    more = {"CELERY_BROKER_URL": "amqp://me:hush4@rabbit//", "GATEWAY_ENCRYPTION_KEYS": KEY}
    more |= {"GATEWAY_ALERT_URL": "https://a.test/hush5", "GATEWAY_HEARTBEAT_URL": "http://hush6"}
    more |= {"GATEWAY_NOTIFY_URL": "https://n.test/hush7", "GATEWAY_NOTIFY_SECRET": SIGNING}
    settings = Settings.from_env(NEEDED | more)

    for shown in (repr(settings), str(settings), str(settings.loggable_values())):
        assert "hush" not in shown
        assert KEY not in shown
        assert SIGNING not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://store:6379/0", "redis://store:6379/0"),
        ("redis://me:hush@store:6379/0", "redis://***@store:6379/0"),
        ("redis://:hu/sh@hush@store/0", "redis://***@store/0"),
        ("redis://store/0?password=hush", "redis://store/0"),
        ("redis://store/0?password=hu@sh", "redis://***@sh"),
    ],
    ids=["none", "login", "odd", "query", "odd-query"],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_keys_of_the_api_come_plain_or_hashed() -> None:
    keys = f"{'k' * 20}, sha256:{'0f' * 32}"
    settings = Settings.from_env(NEEDED | {"GATEWAY_API_KEYS": keys})

    told = [key.get_secret_value() for key in settings.gateway_api_keys]
    assert told == ["k" * 20, f"sha256:{'0f' * 32}"]
    assert settings.loggable_values()["gateway_api_keys"] == "set"


def test_an_address_that_is_as_secret_as_a_token_stays_as_it_is() -> None:
    given = "https://ops:word@hooks.test/T0/?key=1/"

    settings = Settings.from_env(NEEDED | {"GATEWAY_ALERT_URL": given})

    assert settings.gateway_alert_url.get_secret_value() == given
    assert settings.gateway_heartbeat_url.get_secret_value() == ""


def test_settings_show_whether_secrets_are_set() -> None:
    shown = Settings.from_env(NEEDED | {"GATEWAY_ALERT_URL": "https://a.test"}).loggable_values()

    assert (shown["meta_app_secret"], shown["gateway_encryption_keys"]) == ("set", "not set")
    assert (shown["gateway_alert_url"], shown["gateway_heartbeat_url"]) == ("set", "not set")


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{name}={value}" for name, value in NEEDED.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "GATEWAY_LOG_LEVEL=debug"]))
    monkeypatch.chdir(tmp_path)
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("META_PHONE_NUMBER_ID", "1")
    monkeypatch.delenv("GATEWAY_LOG_LEVEL", raising=False)

    settings = Settings.from_env()

    assert (settings.meta_phone_number_id, settings.gateway_log_level) == ("1", "debug")


def test_the_example_file_names_every_setting_and_nothing_else() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    of_compose = set(re.findall(r"\$\{([A-Z_]+)", compose))

    named = set(written((ROOT / ".env.example").read_text()))

    assert named == {name.upper() for name in Settings.model_fields} | of_compose


def test_the_example_file_holds_no_secret_and_shows_the_defaults() -> None:
    example = written((ROOT / ".env.example").read_text())

    assert not any(example[name] for name in NEEDED)
    assert Settings.from_env(example | NEEDED) == Settings.from_env(NEEDED)


def test_a_filled_in_copy_of_the_example_file_loads(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text()
    for name, value in NEEDED.items():
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    (tmp_path / ".env").write_text(text)

    env = {name: value or "" for name, value in dotenv_values(tmp_path / ".env").items()}

    assert Settings.from_env(env) == Settings.from_env(NEEDED)


def test_the_table_of_settings_is_complete_and_shows_the_defaults() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|needed|–) \|", page, re.MULTILINE)

    assert [name for name, _ in rows] == [name.upper() for name in Settings.model_fields]
    assert Settings.from_env(dict(rows) | NEEDED) == Settings.from_env(NEEDED)
