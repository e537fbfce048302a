"""A database that nobody has described: which tables hold contacts, companies and products, and in which columns.

`reading` looks, and never writes; all others are pure. They go from a `Schema` (what was read) over scores for names
and values to a `Proposal`: tables as `SqlCustomcrm` takes them, findings, and what the kinds make of the data.
"""

from keapbridge.inspecting.inspect import inspect_database
from keapbridge.inspecting.proposal import Proposal
from keapbridge.inspecting.schema import Column, ForeignKey, Schema, Table

__all__ = ["Column", "ForeignKey", "Proposal", "Schema", "Table", "inspect_database"]
