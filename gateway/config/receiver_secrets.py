"""Secrets of receivers of forwards and of services: settings whose names the rules say."""

import binascii
import re
import time

from pydantic import SecretStr

from gateway.config.environment import SettingsError, environment, read_fields
from gateway.config.types import SIGNING_FORM, decode_signing_secret

# A secret that was replaced is used after so long, without a new start where it is in a file.
READ_EVERY_S = 10.0


class ReceiverSecretError(Exception):
    """A secret is missing or malformed; the text says which setting, and never its value."""


class ReceiverSecrets:
    """Reads secrets by the names of their settings, and each again after a few seconds."""

    def __init__(self) -> None:
        """Read nothing yet."""
        self._read: dict[str, tuple[float, str]] = {}

    def signing(self, name: str) -> tuple[bytes, ...]:
        """Return the secrets that sign in the form of Standard Webhooks, the newest first.

        Raises ReceiverSecretError.
        """
        try:
            return tuple(decode_signing_secret(SecretStr(part)) for part in self._parts(name))
        except (ValueError, binascii.Error):
            raise ReceiverSecretError(f"{name} is not {SIGNING_FORM}") from None

    def shared(self, name: str) -> tuple[bytes, ...]:
        """Return the secrets that sign in Meta's form. Raises ReceiverSecretError."""
        return tuple(part.encode() for part in self._parts(name))

    def _parts(self, name: str) -> list[str]:
        parts = [part for part in re.split(r"[,\s]+", self._value(name)) if part]
        if not parts:
            raise ReceiverSecretError(f"{name} is not set")
        return parts

    def _value(self, name: str) -> str:
        now = time.monotonic()
        read_at, value = self._read.get(name, (0.0, ""))
        if not read_at or now - read_at > READ_EVERY_S:
            value = read_secret(name)
            self._read[name] = now, value
        return value


def read_secret(name: str) -> str:
    """Return the value of a setting as it is now, "" if it is not set.

    Raises ReceiverSecretError if the file that holds it, or `.env`, cannot be read.
    """
    try:
        values, unreadable = read_fields([name.lower()], environment())
    except SettingsError as error:
        raise ReceiverSecretError(str(error)) from None
    if unreadable:
        raise ReceiverSecretError(next(iter(unreadable.values())))
    return values.get(name.lower(), "")
