"""What the collector that runs with these settings says of its health."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any, Final

from collector.config import Config
from collector.records import StateError

SECONDS_MAX: Final = 10.0
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}


def health(config: Config) -> dict[str, Any]:
    """Return the answer of GET /health. Raises StateError when there is none."""
    host = EVERYWHERE.get(config.bind_host, config.bind_host)
    scheme = "https" if config.tls_certificate else "http"
    name = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{name}:{config.console_port}/health"
    # The certificate is for the name that agents know; nothing secret goes there.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=SECONDS_MAX) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise StateError(f"{url}: {reason}: is it running?") from error
    try:
        found: dict[str, Any] = dict(json.loads(body))
    except (ValueError, TypeError):
        raise StateError(f"{url}: no collector answers there") from None
    return found
