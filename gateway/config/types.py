"""Types of settings: each is parsed from text, and an error is a sentence."""

import base64
import binascii
import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo

from gateway.config.prices import check_prices
from gateway.config.redis_address import check_broker, parse

_CURLY_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})  # control, format, private use, surrogates
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
SIGNING_PREFIX = "whsec_"
SIGNING_FORM = "whsec_ and 24 to 64 bytes in base64 (openssl rand -base64 32)"
_SIGNING_BYTES = range(24, 65)
_API_KEY = re.compile(r"sha256:[0-9a-fA-F]{64}|(?!sha256:)[!-~]{20,200}")


def duration(text: object) -> object:
    """Read "90s", "30m", "24h" or "7d"."""
    match = re.fullmatch(r"(\d{1,6})\s*([smhd])", str(text).strip())
    if not match:
        raise ValueError("is no duration: write a number and s, m, h or d, for example 30m")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def size(text: object) -> object:
    """Read "500000", "512MB" or "2GB"."""
    match = re.fullmatch(r"(\d+)\s*(kb|mb|gb)?", str(text).strip().lower())
    if not match:
        raise ValueError("is no size: write bytes, or a number and KB, MB or GB, for example 512MB")
    return int(match[1]) * _SIZES[match[2] or ""]


def _secret(text: object) -> object:
    """Read a secret as it was copied: a page or an editor may have added what nobody sees."""
    for sign in str(text):
        if sign in _CURLY_QUOTES or unicodedata.category(sign) in _INVISIBLE:
            raise ValueError(f"holds U+{ord(sign):04X}, which belongs to no secret: copy it anew")
    return SecretStr(str(text))


def _token(text: object) -> object:
    """Read a secret that goes into an HTTP header."""
    _secret(text)
    if not re.fullmatch(r"[!-~]+", str(text)):
        raise ValueError("holds characters that no HTTP header can carry: copy it anew")
    return SecretStr(str(text))


def _secrets(text: object) -> object:
    """Read one or several secrets, separated by commas or lines."""
    parts = [part.strip() for part in re.split(r"[,\n]", str(text)) if part.strip()]
    if not parts:
        raise ValueError("is empty")
    return tuple(_secret(part) for part in parts)


def _keys(text: object) -> object:
    """Read encryption keys: 32 bytes each, as 64 hexadecimal digits, the newest first."""
    keys = _secrets(text)
    assert isinstance(keys, tuple)  # noqa: S101 - narrows the type
    if any(not re.fullmatch(r"[0-9a-fA-F]{64}", key.get_secret_value()) for key in keys):
        raise ValueError("holds a key that is not 64 hexadecimal digits (openssl rand -hex 32)")
    return keys


def _api_keys(text: object) -> object:
    """Read keys of the API: each as it is, or as `sha256:` and the 64 digits of its hash."""
    keys = _secrets(text)
    assert isinstance(keys, tuple)  # noqa: S101 - narrows the type
    if any(not _API_KEY.fullmatch(key.get_secret_value()) for key in keys):
        raise ValueError("holds a key that is neither 20 characters without spaces nor sha256:…")
    return keys


def decode_signing_secret(secret: SecretStr) -> bytes:
    """Return the bytes of a signing secret. Raises ValueError unless it is one."""
    text = secret.get_secret_value()
    key = base64.b64decode(text.removeprefix(SIGNING_PREFIX), validate=True)
    if not text.startswith(SIGNING_PREFIX) or len(key) not in _SIGNING_BYTES:
        raise ValueError("no signing secret")
    return key


def _signing_secrets(text: object) -> object:
    """Read one or several secrets that sign notifications, separated by spaces."""
    parts = tuple(SecretStr(part) for part in re.split(r"[,\s]+", str(text)) if part)
    try:
        for part in parts:
            decode_signing_secret(part)
    except (ValueError, binascii.Error):
        raise ValueError(f"holds a secret that is not {SIGNING_FORM}") from None
    return parts


def _signing_secrets_for_url(
    secrets: tuple[SecretStr, ...], info: ValidationInfo
) -> tuple[SecretStr, ...]:
    url = info.data.get("gateway_notify_url")
    if url and not secrets:
        raise ValueError(f"is not set, and GATEWAY_NOTIFY_URL needs it: {SIGNING_FORM}")
    return secrets


def _redis_url(text: object) -> object:
    """Read the address of the store; spaces around it are no part of it."""
    parse(str(text))
    return str(text).strip()


def _broker_url(text: str, info: ValidationInfo) -> str:
    check_broker(text or info.data.get("redis_url", ""))
    return text


class BindAddress(NamedTuple):
    """An address of this machine on which a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as the setting is written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _bind_address(text: object) -> object:
    """Read "127.0.0.1:8001" or "[::1]:8001"."""
    host, _, port = str(text).strip().rpartition(":")
    if not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", host, re.ASCII) or not port.isdecimal():
        raise ValueError("is no address: write host:port, for example 127.0.0.1:8001")
    if int(port) > 65535:
        raise ValueError("has a port above 65535")
    return BindAddress(host.strip("[]"), int(port))


def _http_url(text: object) -> object:
    if not re.match(r"https?://[^/]+", str(text)):
        raise ValueError("is no web address: write https://host")
    return str(text).rstrip("/")


def _secret_url(text: object) -> object:
    """Read an address that may hold a token and so is treated as a secret; it is not changed."""
    _http_url(text)
    return SecretStr(str(text))


def without_secrets(address: str) -> str:
    """Return an address without login, query and fragment, which may hold secrets."""
    return re.split("[?#]", re.sub(r"(?s)(?<=://).*@", "***@", address), maxsplit=1)[0]


PricesFile = Annotated[
    Path | None,
    BeforeValidator(lambda text: Path(text) if text else None),
    AfterValidator(check_prices),
]
AccountsFile = Annotated[Path | None, BeforeValidator(lambda text: Path(text) if text else None)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Token = Annotated[SecretStr, BeforeValidator(_token)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_secrets)]
Keys = Annotated[tuple[SecretStr, ...], BeforeValidator(_keys)]
ApiKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_api_keys)]
SigningSecrets = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(lambda text: _signing_secrets(text) if text else ()),
    AfterValidator(_signing_secrets_for_url),
]
Duration = Annotated[timedelta, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
RedisUrl = Annotated[str, BeforeValidator(_redis_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
ListenAddress = Annotated[BindAddress, BeforeValidator(_bind_address)]
HttpUrl = Annotated[str, BeforeValidator(_http_url)]
SecretUrl = Annotated[SecretStr, BeforeValidator(_secret_url)]
