"""What `keapbridge init` writes: a file in which everything can be found by reading it."""

from __future__ import annotations

import re

__all__ = ["TEMPLATE", "of_database"]

_HEAD = """\
# One pair of systems that keapbridge keeps in sync. `keapbridge check` tells what is wrong with this file.
# Paths go from the folder of this file. A secret is named by where it is: {env = "NAME"} or {file = "path"}.
# `false` stands for nothing.

# Where links are remembered: SQLite, or postgresql+psycopg://…
store = "sqlite:///bridge.db"
# name = "default"            # keeps several pairs apart in one store
# default_region = "US"       # of phone numbers without a prefix, in records without a country
# currency = "USD"            # that the Keap application sells in, as long as it has no product
# retention = "90 days"       # of plans, reports and the journal

[keap]
key = {env = "KEAP_API_KEY"}
# base_url = "https://api.infusionsoft.com/crm/rest"
# client_id = "…"             # in place of a key: an application that a person has authorized
# client_secret = {env = "KEAP_CLIENT_SECRET"}
# tokens = "keap-tokens.json"

"""
_CUSTOMCRM = """\
# Your CRM: one of a REST API (url), a database (database), an adapter of your own (adapter).
[customcrm]
url = "https://crm.example.com/api"
auth = {token = {env = "CRM_TOKEN"}}
# schema = "crm.toml"         # how the API is, where it is not the default profile

# database = {env = "CRM_DATABASE"}
# contacts = {name = "people", id = "id", modified = "updated_at", columns = {FirstName = "given_name"}}
# customers = {name = "companies", id = "id", modified = "updated_at"}
# products = {name = "articles", id = "id", modified = "updated_at", constants = {Currency = "USD"}}

# adapter = "my_crm.adapter:open_adapter"

# What is otherwise than in the default mappings; or mapping.contacts = "my_crm.mappings:contacts".
# [mapping.contacts]
# without = ["BirthDate"]
# where.customcrm = {Status = ["active", "new"]}
# [mapping.contacts.fields.ShoeSize]
# kind = "integer"
# keap = {custom_field = "Shoe size"}

"""
_TAIL = """\
# [policy]
# conflicts = "newest"        # or "customcrm", "keap", "manual", "my_crm.rules:decide"; or a table: {Phone = "keap"}
# deletions = "unlink"        # or "delete", "archive", "ignore"; or a table: {keap = "delete"}
# max_deletes = 50
# max_delete_share = 0.05
# max_creates = false         # no limit

# For `keapbridge sync --repeat`.
# [schedule]
# every = "5 minutes"
# full_every = "1 day"        # finds deletions, and what lists of changes do not tell
# deadline = "30 minutes"     # of one run
"""
TEMPLATE = f"{_HEAD}{_CUSTOMCRM}{_TAIL}"


def of_database(tables: str, *, default_region: str | None = None, currency: str | None = None) -> str:
    """The same, with the tables of a database as the CRM.

    Args:
        tables: `[customcrm]` and what goes with it, as TOML.
        default_region, currency: what is known of them.
    """
    head = _HEAD
    for key, value in (("default_region", default_region), ("currency", currency)):
        if value is not None:
            head = re.sub(rf'# {key} = "US\w*"  ', f'{key} = "{value}"    ', head)
    return f"{head}# Your CRM, as it was proposed: what a column is for, you know better.\n{tables}\n{_TAIL}"
