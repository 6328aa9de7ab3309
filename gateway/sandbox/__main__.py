"""Start the sandbox: `python -m gateway.sandbox --config FILE`, where FILE is JSON or `-`."""

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

import orjson

from gateway.sandbox.app import SandboxServer, listen
from gateway.sandbox.config import Config, ConfigError

_BAD_USE = 2


def main() -> None:
    """Read the configuration, take the port and serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m gateway.sandbox", description=__doc__)
    parser.add_argument("--config", required=True, help="a JSON file, or - for standard input")
    config = _read_config(parser.parse_args().config)
    try:
        listener = listen(config)
    except OSError as error:
        _exit_with_error(f"Cannot listen on {config.host} port {config.port}: {error.strerror}.")
    host, port = listener.getsockname()
    sys.stdout.write(f"Sandbox listening on http://{host}:{port}\n")
    sys.stdout.flush()
    # The server raises the signal again once it has ended; that is the normal end, not a failure.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    SandboxServer(config).run(sockets=[listener])


def _read_config(path: str) -> Config:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return Config.from_mapping(orjson.loads(raw))
    except OSError as error:
        _exit_with_error(f"Cannot read the configuration: {error.strerror}.")
    except orjson.JSONDecodeError:
        _exit_with_error("The configuration is not JSON.")
    except ConfigError as error:
        _exit_with_error(str(error))


def _exit_with_error(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(_BAD_USE)


if __name__ == "__main__":
    main()
