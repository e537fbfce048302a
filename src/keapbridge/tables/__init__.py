"""Tables: plans, reports, conflicts, failures, links and records as dicts, data frames, CSV files and sheets."""

from keapbridge.tables.approvals import Approvals, read_approvals
from keapbridge.tables.tabular import Page, Rows, Tabular, to_csv, to_dicts, to_excel, to_pandas, to_polars

__all__ = [
    "Approvals",
    "Page",
    "Rows",
    "Tabular",
    "read_approvals",
    "to_csv",
    "to_dicts",
    "to_excel",
    "to_pandas",
    "to_polars",
]
