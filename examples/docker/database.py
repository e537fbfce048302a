"""A CRM to begin with: a table of people, and one of them."""

import sqlite3

with sqlite3.connect("crm.db") as database:
    database.executescript("""
        CREATE TABLE IF NOT EXISTS people (
            id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT,
            updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE TRIGGER IF NOT EXISTS people_updated AFTER UPDATE ON people WHEN NEW.updated_at IS OLD.updated_at
        BEGIN UPDATE people SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id; END;
        INSERT INTO people (first_name, last_name, email) VALUES ('Ada', 'Berg', 'ada@example.org');
    """)
