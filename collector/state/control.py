"""The control store as a whole: opened once, handed out in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.state.alerts import Alerts
from collector.state.database import Database
from collector.state.ledger import Ledger
from collector.state.registry import Registry
from collector.state.rules import Rules
from collector.state.schema import MIGRATIONS
from collector.state.tokens import Tokens
from collector.state.users import Users

FILE: Final = "control.sqlite"


class Control:
    """Users, tokens, agents, alerts and the batch ledger over one database."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / FILE, MIGRATIONS)
        self.users = Users(self.database)
        self.tokens = Tokens(self.database)
        self.registry = Registry(self.database)
        self.rules = Rules(self.database)
        self.alerts = Alerts(self.database)
        self.ledger = Ledger(self.database)

    def close(self) -> None:
        """Close the database."""
        self.database.close()
