"""Settings: every value of the environment, checked once at startup."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateway.config.environment import SettingsError, environment, read_fields
from gateway.config.types import (
    AccountsFile,
    ApiKeys,
    BindAddress,
    BrokerUrl,
    Duration,
    HttpUrl,
    Keys,
    ListenAddress,
    PricesFile,
    RedisUrl,
    Secret,
    Secrets,
    SecretUrl,
    SigningSecrets,
    Size,
    Token,
    decode_signing_secret,
    without_secrets,
)
from gateway.core.api.keys import ApiKey, environment_key
from gateway.core.storage.ownership import Installation


class Settings(BaseModel):
    """All settings; a field is the variable's name in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    redis_url: RedisUrl = Field(description="Store, RedBeat, and broker unless that is set apart.")
    celery_broker_url: BrokerUrl = Field(
        "", validate_default=True, description="Celery's broker; REDIS_URL if unset."
    )
    gateway_accounts: AccountsFile = Field(
        None,
        description="YAML file of several apps, numbers and tokens, in place of the META_ ones.",
    )
    meta_app_secret: Secrets = Field((), description="App secrets, several while one is rotated.")
    meta_verify_token: Secret = Field(SecretStr(""), description="Asked for in the handshake.")
    meta_access_token: Token = Field(SecretStr(""), description="Token that sends messages.")
    meta_phone_number_id: str = Field("", pattern=r"^\d+$", description="Our number's id at Meta.")
    meta_app_id: str = Field("", pattern=r"^\d*$", description="Our app's id at Meta.")
    meta_waba_id: str = Field(
        "", pattern=r"^\d*$", description="Id of the WhatsApp Business Account of the number."
    )
    meta_graph_url: HttpUrl = Field("https://graph.facebook.com", description="Meta's Graph API.")
    meta_graph_version: str = Field("v25.0", pattern=r"^v\d+\.\d+$", description="Graph version.")
    meta_messages_per_second: int = Field(80, ge=1, le=1000, description="Granted by Meta.")
    gateway_installation: str = Field(
        "", pattern=r"^[\w .-]{0,64}$", description="Name of this installation, such as shop-test."
    )
    gateway_rules: Path = Field(Path("rules/"), description="File or folder of rules.")
    gateway_demo_rules: Path | None = Field(
        None, description="Rules that gateway dev plays while GATEWAY_RULES holds none."
    )
    gateway_trial_hours: Path | None = Field(
        None, description="File that says what opening hours take, only to try rules out."
    )
    gateway_prices: PricesFile = Field(None, description="YAML file of Meta's prices.")
    gateway_encryption_keys: Keys = Field(
        (), description="Stored bodies are encrypted when set; newest first, 64 hex digits each."
    )
    gateway_api_keys: ApiKeys = Field(
        (), description="Keys of the API with all scopes, beside those of gateway api-keys."
    )
    gateway_api_bind: ListenAddress = Field(
        BindAddress("127.0.0.1", 8001), description="Address of all but the webhook."
    )
    gateway_flower_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Address of Flower, for a link in the console.",
    )
    gateway_cloud_api_wait: Duration = Field(
        timedelta(seconds=4), description="How long a request in Meta's form waits for its answer."
    )
    gateway_retention: Duration = Field(
        timedelta(days=7), description="How long worked-off deliveries stay."
    )
    gateway_results: Duration = Field(
        timedelta(days=1), description="How long results of sends stay while memory is short."
    )
    gateway_unconfirmed: str = Field(
        "evidence",
        pattern="^(evidence|never|always)$",
        description="Whether a send that Meta may have had is posted again, once.",
    )
    gateway_store_bytes: Size = Field(
        0, description="Memory limit where Redis has none; half of the host's memory if unset."
    )
    gateway_alert_url: SecretUrl = Field(
        SecretStr(""), description="Gets one JSON post when a cause begins, and one when it ends."
    )
    gateway_heartbeat_url: SecretUrl = Field(
        SecretStr(""), description="Asked each minute while an event goes the whole way in time."
    )
    gateway_notify_url: SecretUrl = Field(
        SecretStr(""), description="Gets one JSON post for each notification of a rule."
    )
    gateway_notify_secret: SigningSecrets = Field(
        (), validate_default=True, description="Signs these posts; several while one is rotated."
    )
    gateway_log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    @property
    def broker_url(self) -> str:
        """Return the address of Celery's broker."""
        return self.celery_broker_url or self.redis_url

    @property
    def installation(self) -> Installation:
        """Return the installation that this process belongs to, as the store knows it."""
        return Installation(self.gateway_installation, self.meta_phone_number_id, self.meta_app_id)

    @property
    def app_secrets(self) -> tuple[bytes, ...]:
        """Return the app secrets as bytes, as signatures need them."""
        return tuple(secret.get_secret_value().encode() for secret in self.meta_app_secret)

    @property
    def environment_keys(self) -> tuple[ApiKey, ...]:
        """Return the keys of the API that the environment names."""
        return tuple(environment_key(key.get_secret_value()) for key in self.gateway_api_keys)

    @property
    def notify_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets that sign notifications, as bytes."""
        return tuple(decode_signing_secret(secret) for secret in self.gateway_notify_secret)

    @property
    def encryption_keys(self) -> tuple[bytes, ...]:
        """Return the encryption keys as bytes, newest first."""
        keys = self.gateway_encryption_keys
        return tuple(bytes.fromhex(key.get_secret_value()) for key in keys)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read `env`, by default the process's environment over the file `.env`.

        Every name may also be given as NAME_FILE, a file that holds the value (mounted secrets).
        Raises SettingsError, which names everything that is missing or malformed at once.
        """
        if env is None:
            env = environment()
        values, problems = read_fields(cls.model_fields, env)
        problems = _find_account_problems(values) | problems
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            # A file that cannot be read is the cause; that its setting is missing is not.
            problems = {
                str(one["loc"][0]): _describe_error(one) for one in error.errors()
            } | problems
        if problems:
            raise SettingsError([problems[name] for name in cls.model_fields if name in problems])
        return settings

    def loggable_values(self) -> dict[str, str]:
        """Return every setting in a form that may be logged: secrets only as "set" or "not set"."""
        return {name: self._loggable_value(name) for name in type(self).model_fields}

    def __repr_args__(self) -> Iterable[tuple[str, str]]:
        """Show in `repr` and `str` only values that may be logged."""
        return self.loggable_values().items()

    def _loggable_value(self, name: str) -> str:
        value = getattr(self, name) or ""
        if name in SECRETS:
            return "set" if value else "not set"
        return without_secrets("" if value is None else str(value))


# Addresses may hold a password, so they are treated like secrets wherever they are shown.
SECRETS = frozenset(
    {
        "meta_app_secret",
        "meta_verify_token",
        "meta_access_token",
        "gateway_encryption_keys",
        "gateway_api_keys",
        "gateway_alert_url",
        "gateway_heartbeat_url",
        "gateway_notify_url",
        "gateway_notify_secret",
    }
)


# Where accounts are in a file, these belong into it, and the installation needs a name, since no
# number is its own for good.
ACCOUNT_SECRETS = ("meta_app_secret", "meta_verify_token", "meta_access_token")
ONE_ACCOUNT = (*ACCOUNT_SECRETS, "meta_phone_number_id")


def _find_account_problems(values: Mapping[str, str]) -> dict[str, str]:
    """Find what is missing for one account, or stands beside a file of several."""
    if not values.get("gateway_accounts"):
        return {name: _describe_missing(name) for name in ONE_ACCOUNT if name not in values}
    problems = {
        name: f"{name.upper()} is set beside GATEWAY_ACCOUNTS: name it there, under an account, "
        "and call the variable otherwise"
        for name in ACCOUNT_SECRETS
        if name in values
    }
    if not values.get("gateway_installation"):
        name = "gateway_installation"
        problems[name] = f"{_describe_missing(name)}; GATEWAY_ACCOUNTS needs it"
    return problems


def _describe_missing(field: str) -> str:
    return f"{field.upper()} is not set ({Settings.model_fields[field].description})"


def _describe_error(error: Any) -> str:
    name = str(error["loc"][0]).upper()
    if error["type"] == "missing":
        return _describe_missing(name.lower())
    problem = (
        error["ctx"]["error"] if error["type"] == "value_error" else _describe_malformed(error)
    )
    return f"{name} {problem}"


def _describe_malformed(error: Any) -> str:
    """Translate pydantic's sentence into ours, without the value, which may be a secret."""
    return f"is malformed: {error['msg'][:1].lower()}{error['msg'][1:]}"
