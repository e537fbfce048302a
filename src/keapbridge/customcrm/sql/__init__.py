"""A relational database as the Customcrm: tables or views per object, read and written through SQLAlchemy.

An adapter like any other. It looks at the tables when it is made and refuses what cannot work, naming table and column.
Tested with SQLite, PostgreSQL and MariaDB; written for MySQL, too.
"""

from keapbridge.customcrm.sql.adapter import SqlCustomcrm
from keapbridge.customcrm.sql.table import SqlJoin, SqlLookup, SqlTable

__all__ = ["SqlCustomcrm", "SqlJoin", "SqlLookup", "SqlTable"]
