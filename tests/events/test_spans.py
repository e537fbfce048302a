"""Spans of runs, phases and calls hang together, and below what the host is doing."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.events.values import current_tenant
from keapbridge.testing import CustomcrmEmulator, KeapEmulator


def test_without_opentelemetry_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "opentelemetry", missing)
    with pytest.raises(ImportError, match=r"pip install 'keapbridge\[otel\]'"):
        kb.events.opentelemetry()


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a host's provider exports."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return provider.get_tracer("host"), exporter


def _run(tracer: Any) -> None:
    with (
        KeapEmulator() as server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
    ):
        crm_server.state.contacts.add({"FirstName": "Planted", "Email": "planted@example.org"})
        told = kb.events.opentelemetry()
        with (
            kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", on_event=told) as session,
            tracer.start_as_current_span("nightly"),
        ):
            session.contacts.sync()


def _run_async(tracer: Any) -> None:
    async def run() -> None:
        with KeapEmulator() as server, CustomcrmEmulator() as crm_server:
            crm_server.state.contacts.add({"FirstName": "Planted", "Email": "planted@example.org"})
            async with (
                kb.AsyncKeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
                kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
                kb.AsyncSyncSession(
                    customcrm=crm, keap=keap, store="sqlite://", on_event=kb.events.opentelemetry()
                ) as session,
            ):
                with tracer.start_as_current_span("nightly"):
                    await session.contacts.sync()

    asyncio.run(run())


@pytest.mark.thorough
@pytest.mark.parametrize("run", [_run, _run_async], ids=["threads", "loop"])
def test_spans_have_their_parents_and_nothing_of_anybody(run: Any, exported: Any) -> None:
    tracer, exporter = exported
    run(tracer)
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    tree = {(span.name, names[span.parent.span_id] if span.parent else None) for span in spans}
    assert {
        ("nightly", None),
        ("keapbridge sync", "nightly"),
        ("keapbridge reading contacts", "keapbridge sync"),
        ("keapbridge writing contacts", "keapbridge sync"),
        ("GET /v2/contacts", "keapbridge reading contacts"),
        ("POST /v2/contacts", "keapbridge writing contacts"),
    } <= tree
    assert [name for name, parent in tree if parent is None] == ["nightly"]
    assert all(span.start_time <= span.end_time for span in spans)
    assert "lanted" not in repr([(span.name, dict(span.attributes)) for span in spans])


@pytest.mark.thorough
@pytest.mark.parametrize("run", [_run, _run_async], ids=["threads", "loop"])
def test_spans_and_metrics_of_a_job_have_its_tenant(run: Any, exported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    tracer, exporter = exported
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    around = current_tenant.set("acme")
    try:
        run(tracer)
    finally:
        current_tenant.reset(around)
    ours = [span for span in exporter.get_finished_spans() if span.name != "nightly"]
    assert {span.attributes.get("keapbridge.tenant") for span in ours} == {"acme"}
    found: Any = reader.get_metrics_data()
    kept = [each for of in found.resource_metrics for scope in of.scope_metrics for each in scope.metrics]
    assert {"keapbridge.run.duration", "keapbridge.records"} <= {each.name for each in kept}
    assert {dict(p.attributes).get("keapbridge.tenant") for each in kept for p in each.data.data_points} == {"acme"}
    provider.shutdown()
