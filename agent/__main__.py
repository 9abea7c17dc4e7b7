"""weir-agent: run | check | status | top | doctor | qos | detach."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from agent import daemon
from agent.capture.loader.pins import CaptureError
from agent.config import Config, load
from agent.settings import ConfigError
from agent.ship.spool import SpoolError


def _run(config: Config, options: argparse.Namespace) -> int:
    if not config.capture.interfaces:
        raise ConfigError(
            'no interface to watch: set [capture] interfaces, such as ["eth0"]'
        )
    running = daemon.start(config)
    asyncio.run(running.run())
    return 0


def main() -> None:
    """Parse arguments, run the command, exit with its code."""
    parser = argparse.ArgumentParser(prog="weir-agent")
    parser.add_argument("command", choices=("run",))
    parser.add_argument("-c", "--config", type=Path)
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    try:
        code = _run(load(options.config, os.environ, {}), options)
    except (ConfigError, CaptureError, SpoolError) as error:
        print(f"weir-agent: {error}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
