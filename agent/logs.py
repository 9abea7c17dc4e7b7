"""Log lines for people or for machines; systemd adds time and unit to both."""

from __future__ import annotations

import json
import logging
import sys

_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


class _Text(logging.Formatter):
    """`<priority>message`, which journald reads; plain elsewhere."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(levelname)s %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record).replace("\n", " | ")
        return f"<{_PRIORITIES.get(record.levelname, 6)}>{line}" if self._journal else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def configure(level: str, form: str, *, journal: bool) -> None:
    """Send every log line to standard error; form is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text(journal=journal))
    logging.basicConfig(level=level, handlers=[handler], force=True)
