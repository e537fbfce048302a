"""The dataflow document in force: which property goes where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from starlette.responses import PlainTextResponse

from keapbridge.console.visit import Visit, missing
from keapbridge.dataflow.checklist import checklist
from keapbridge.dataflow.document import dataflow_document
from keapbridge.mapping.mapper import Mapper

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["download", "show"]


@attrs.frozen
class Synchronized:
    """A synchronization: its properties, and how it is tested."""

    name: str
    customcrm: str
    keap: str
    properties: Sequence[tuple[str, str, str, str]]
    checks: Sequence[str]


WAYS = {"both": "both ways", "to_keap": "to Keap", "to_customcrm": "to Customcrm"}


def synchronized(mapper: Mapper) -> Synchronized:
    """A mapping as it is shown."""
    rows = [
        (lens.customcrm.path, WAYS.get(str(lens.direction), str(lens.direction)), lens.keap.path, lens.keap_type)
        for lens in mapper.lenses
    ]
    return Synchronized(
        mapper.name, mapper.customcrm_object, mapper.keap_object, rows, [check.sentence for check in checklist(mapper)]
    )


async def show(visit: Visit) -> Response:
    """The document as a page."""
    return visit.show("dataflow.html", "Dataflow", [synchronized(each) for each in visit.desk.session.mappers.values()])


async def download(visit: Visit) -> Response:
    """The document as a file."""
    format = visit.path["format"]
    if format not in {"rst", "md"}:
        raise missing("document")
    text = dataflow_document(list(visit.desk.session.mappers.values()), format)
    return PlainTextResponse(text, headers={"content-disposition": f'attachment; filename="dataflow.{format}"'})
