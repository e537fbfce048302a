"""Brings a database to the schema of this version, with Alembic. Nothing but these tables is looked at or changed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

__all__ = ["VERSION_TABLE", "upgrade"]

VERSION_TABLE = "keapbridge_version"


def upgrade(engine: Engine) -> None:
    """Apply the migrations that are missing, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
