"""The link store in a relational database: SQLite or PostgreSQL."""

from keapbridge.store.sql.links import CHUNK, SqlLinkStore, open_store

__all__ = ["CHUNK", "SqlLinkStore", "open_store"]
