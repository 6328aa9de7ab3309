"""Start the sandbox: `python -m gateway.sandbox --config FILE`, where FILE is JSON or `-`."""

import argparse
import sys
from typing import NoReturn

from gateway.sandbox.config import ConfigError, read_config
from gateway.sandbox.server import describe_port, listen, serve

_BAD_USE = 2


def main() -> None:
    """Read the configuration, take the port and serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m gateway.sandbox", description=__doc__)
    parser.add_argument("--config", required=True, help="a JSON file, or - for standard input")
    try:
        config = read_config(parser.parse_args().config)
        listener = listen(config)
    except ConfigError as error:
        _exit_with_error(str(error))
    except OSError as error:
        _exit_with_error(describe_port(config, error))
    host, port = listener.getsockname()
    sys.stdout.write(f"Sandbox listening on http://{host}:{port}\n")
    sys.stdout.flush()
    serve(config, listener)


def _exit_with_error(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(_BAD_USE)


if __name__ == "__main__":
    main()
