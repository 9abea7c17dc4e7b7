"""Whether the daemon would start with some settings, without loading what it runs on."""

from __future__ import annotations

from agent.capture.backends import back_end
from agent.config import Config
from agent.regulation import placing
from agent.settled import capture_filter, regulation_in_force, speeds
from agent.ship.credentials import CredentialsError, read_secret, tls_context
from wire.settings import ConfigError


def need_interfaces(config: Config) -> None:
    """Raise ConfigError where there is nothing to watch."""
    if not config.capture.interfaces:
        raise ConfigError(
            'no interface to watch: set [capture] interfaces, such as ["eth0"]'
        )


def settings(config: Config) -> None:
    """Raise CaptureError, ConfigError, CredentialsError where it would not."""
    need_interfaces(config)
    back_end(config.capture.loader)
    capture_filter(config.capture.filter)
    tls_context(config.agent)
    rules = regulation_in_force(config)
    try:
        placing.check(rules, speeds(rules))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    for key in ("token_file", "api_token_file"):
        if path := getattr(config.agent, key):
            try:
                read_secret(path)
            except CredentialsError as error:
                remedy = f"write the token into it, or correct {key}"
                raise CredentialsError(f"{key} {error}: {remedy}") from None
