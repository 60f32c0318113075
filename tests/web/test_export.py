"""Calls as a file."""

import csv
import gzip
import io
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zstandard
from sqlalchemy import select
from starlette.testclient import TestClient

from call_analytics.db.calls.columns import Columns
from call_analytics.db.calls.importing import ImportTarget, import_calls
from call_analytics.db.calls.sources import CallFile
from call_analytics.db.models import Assistant, Call
from call_analytics.web.export_request import PERIODS
from tests.conftest import Ask, ServiceFactory, on_sqlite
from tests.platform import NOW, Platform
from tests.tenants import Tenant, make_tenant

PATH = "/api/v1/calls/export"
NEW_YORK = "America/New_York"
# What a file may get wrong, in values that a database takes.
ODD = [
    'a "quoted" word',
    "two\nlines",
    "two\r\nlines",
    "a, b; c\td",
    "=1+1",
    "+49 30 1234",
    "-",
    "@sum",
    "'=1+1",
    "''=1+1",
    "'quoted'",
    "\uff1d1+1",
    "Ünïcödé ☎️ 电话",
    "null",
    "two\u2028lines",
    "0123",
]


def _export(client: TestClient, tenant: Tenant, **parameters: Any) -> Any:
    response = client.get(PATH, params=parameters, headers=tenant.headers)
    assert response.status_code == 200, response.text
    return response


def _ids(client: TestClient, tenant: Tenant, **parameters: Any) -> list[int]:
    lines = _export(client, tenant, format="jsonl", **parameters).text.splitlines()
    return [json.loads(line)["id"] for line in lines]


def _newest_first(platform: Platform, tenant: Tenant) -> list[dict[str, Any]]:
    its = [call for call in platform.calls if call["assistant_id"] in tenant.assistants]
    return sorted(its, key=lambda call: (call["started_at"], call["id"]), reverse=True)


def test_csv_has_a_call_a_row(client: TestClient, platform: Platform, tenant: Tenant) -> None:
    response = _export(client, tenant, period="90d", time_zone=NEW_YORK)

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="calls-2025-12-10-to-2026-03-10.csv"'
    )
    assert response.headers["Cache-Control"] == "private, no-store"
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    since = (NOW - timedelta(days=90)).replace(tzinfo=None)
    expected = [call for call in _newest_first(platform, tenant) if call["started_at"] >= since]
    assert len(expected) > 100
    assert rows == [
        {
            "Call ID": str(call["id"]),
            "Call SID": call["call_sid"],
            "Assistant ID": str(call["assistant_id"]),
            "Assistant Name": f"Assistant {call['assistant_id']}",
            "To Phone": "'+15550001",
            "Customer Phone": "'+15550002",
            "Status": call["status"],
            "Duration (seconds)": "" if call["duration"] is None else str(call["duration"]),
            "Started At": f"{call['started_at'].isoformat()}Z",
            "Ended At": "",
            f"Started At ({NEW_YORK})": call["started_at"]
            .replace(tzinfo=ZoneInfo("UTC"))
            .astimezone(ZoneInfo(NEW_YORK))
            .isoformat(),
        }
        for call in expected
    ]


def test_json_lines_have_a_call_a_line(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    newest = _newest_first(platform, tenant)[0]

    response = _export(client, tenant, format="jsonl", period="1d", time_zone=NEW_YORK)

    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert json.loads(response.text.splitlines()[0]) == {
        "id": newest["id"],
        "call_sid": newest["call_sid"],
        "assistant_id": newest["assistant_id"],
        "assistant_name": f"Assistant {newest['assistant_id']}",
        "to_phone_number": "+15550001",
        "customer_phone_number": "+15550002",
        "status": newest["status"],
        "duration": newest["duration"],
        "started_at": "2026-03-10T12:00:00Z",
        "ended_at": None,
        "started_at_local": "2026-03-10T08:00:00-04:00",
    }
    without = _export(client, tenant, format="jsonl", period="1d").text.splitlines()[0]
    assert "started_at_local" not in json.loads(without)


@pytest.mark.parametrize("period", PERIODS)
def test_a_period_has_the_calls_of_the_figure(
    client: TestClient, ask: Ask, tenant: Tenant, period: str
) -> None:
    name = PERIODS[period].name
    answer = ask(
        f'{{ callAnalytics(period: {name}, timeZone: "{NEW_YORK}") '
        "{ calls(first: 500) { totalCount nodes { id } } } }"
    )
    calls = answer["data"]["callAnalytics"]["calls"]

    found = _ids(client, tenant, period=period, time_zone=NEW_YORK)

    assert len(found) == calls["totalCount"]
    assert [str(number) for number in found] == [node["id"] for node in calls["nodes"]]


def test_other_windows_assistants_and_statuses(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    asked = tenant.assistants[:2]
    first, until = datetime(2026, 2, 1, 5), datetime(2026, 3, 2, 5)
    expected = [
        call["id"]
        for call in _newest_first(platform, tenant)
        if first <= call["started_at"] < until
        and call["assistant_id"] in asked
        and call["status"] in ("busy", "failed")
    ]
    narrowed = {"assistant_id": [*asked, 7], "status": ["busy", "failed", "x"]}

    assert expected
    assert expected == _ids(
        client, tenant, first="2026-02-01", last="2026-03-01", time_zone=NEW_YORK, **narrowed
    )
    assert expected == _ids(
        client, tenant, start="2026-02-01T00:00:00-05:00", end="2026-03-02T05:00Z", **narrowed
    )


def test_what_is_another_organization_s_is_in_no_file(
    client: TestClient, platform: Platform, tenant: Tenant
) -> None:
    other = make_tenant(platform)

    assert _ids(client, tenant, assistant_id=other.assistants) == []
    everything = {*_ids(client, tenant, period="90d")}
    assert everything.isdisjoint(_ids(client, other, period="90d"))
    empty = _export(client, tenant, assistant_id=other.assistants)
    assert empty.text.startswith("Call ID,Call SID,")
    assert empty.text.count("\n") == 1


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_an_import_reads_back_what_was_exported(
    client: TestClient, platform: Platform, tmp_path: Any, file_format: str
) -> None:
    organization, copy = platform.add_organization(), platform.add_organization("copy")
    start = NOW.replace(tzinfo=None) - timedelta(hours=3)
    names = [odd for odd in ODD if not set(odd) & {"\n", "\r", "\t", "\u2028"}]
    platform.add_calls(
        [
            {
                "assistant_id": platform.add_assistant(
                    organization, names[number % len(names)] + "!" * (number // len(names))
                ),
                "call_sid": odd,
                "status": odd[:20],
                "to_phone_number": odd[:20] if number % 2 else "",
                "customer_phone_number": odd[:20],
                "duration": (None, 0, 2**31 - 1)[number % 3],
                "started_at": start + timedelta(microseconds=number),
                "ended_at": None if number % 2 else start + timedelta(seconds=number),
            }
            for number, odd in enumerate(ODD)
        ]
    )
    tenant = Tenant(organization, {"Authorization": f"Bearer {platform.add_key(organization)}"}, [])
    path = tmp_path / "calls"
    path.write_bytes(_export(client, tenant, format=file_format, time_zone="Asia/Tokyo").content)

    report = platform.run(
        import_calls(
            platform.writer,
            CallFile(path),
            ImportTarget("copy"),
            columns=Columns(),
            clock=lambda: NOW,
            on_reject=lambda reject: pytest.fail(str(reject)),
            on_progress=lambda _: None,
        )
    )

    assert report.added == len(ODD)
    assert _rows(platform, copy) == _rows(platform, organization)


def _rows(platform: Platform, organization: int) -> list[tuple[Any, ...]]:
    columns = (
        Call.call_sid,
        Assistant.name,
        Call.to_phone_number,
        Call.customer_phone_number,
        Call.status,
        Call.duration,
        Call.started_at,
        Call.ended_at,
    )
    query = (
        select(*columns)
        .join(Assistant, Assistant.id == Call.assistant_id)
        .where(Call.organization_id == organization)
        .order_by(Call.call_sid)
    )

    async def read() -> list[tuple[Any, ...]]:
        async with platform.reader.connect() as connection:
            return [tuple(row) for row in await connection.execute(query)]

    found: list[tuple[Any, ...]] = platform.run(read())
    return found


def test_numbers_are_hidden_where_the_operator_says_so(
    service: ServiceFactory, tenant: Tenant
) -> None:
    client = service(hide_phone_numbers=True)

    for file_format in ("csv", "jsonl"):
        text = _export(client, tenant, format=file_format).text
        assert "1555" not in text
        assert "***0001" in text
        assert "***0002" in text


@on_sqlite
@pytest.mark.parametrize(
    ("coding", "read"),
    [
        ("identity", bytes),
        ("gzip", gzip.decompress),
        ("gzip, deflate, br", gzip.decompress),
        (
            "gzip, deflate, br, zstd",
            lambda body: zstandard.ZstdDecompressor().stream_reader(body).read(),
        ),
    ],
)
def test_a_file_is_compressed_as_the_client_takes_it(
    client: TestClient, tenant: Tenant, coding: str, read: Any
) -> None:
    plain = _export(client, tenant, period="90d").text
    headers = tenant.headers | {"Accept-Encoding": coding}

    with client.stream("GET", PATH, params={"period": "90d"}, headers=headers) as response:
        body = b"".join(response.iter_raw())

    assert read(body).decode() == plain
    assert response.headers.get("Content-Encoding", "identity") == {
        "identity": "identity",
        "gzip, deflate, br, zstd": "zstd",
    }.get(coding, "gzip")
    assert response.headers["Vary"] == "Authorization, Accept-Encoding"


def test_head_tells_what_get_would(client: TestClient, tenant: Tenant) -> None:
    got = _export(client, tenant)
    head = client.head(PATH, headers=tenant.headers)

    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Type", "Content-Disposition", "Cache-Control"):
        assert head.headers[name] == got.headers[name]
    assert client.head(PATH, params={"period": "x"}, headers=tenant.headers).status_code == 422


@on_sqlite
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("period=8d", "`period` must be one of 1d, 7d, 30d, 90d, today, this_week, "),
        ("format=xml", "`format` must be one of csv, jsonl, not 'xml'."),
        ("period=7d&period=1d", "`period` is given twice."),
        ("asistant_id=3", "There is no parameter 'asistant_id'. Those there are: format, period, "),
        ("period=7d&first=2026-01-01&last=2026-01-02", "Give one window: `period`, or `first` "),
        ("first=2026-01-01", "`first` and `last` are given together."),
        ("end=2026-01-01T00:00:00Z", "`start` and `end` are given together."),
        ("first=1.1.2026&last=x", "`first` must be a date like 2026-03-10, not '1.1.2026'."),
        ("first=2026-03-02&last=2026-03-01", "`first` (2026-03-02) is after `last` (2026-03-01)."),
        ("first=1990-01-01&last=2026-03-01", "The dates may span 3,660 days at most, not 13,209."),
        (
            "start=2026-03-01T00:00:00+01:00&end=2026-03-02T00:00:00Z",
            "`start` must be an instant like 2026-03-10T12:00:00Z, not '2026-03-01T00:00:00 01",
        ),
        ("start=2026-03-01&end=2026-03-02", "`start` (2026-03-01T00:00:00) has no offset from UTC"),
        ("time_zone=Europe/Belin", "There is no time zone 'Europe/Belin'. Did you mean "),
        ("assistant_id=a", "`assistant_id` must be a whole number, not 'a'."),
        ("assistant_id=99999999999999999999", "`assistant_id` must be a whole number, not '999"),
        ("&".join(["status=x"] * 101), "The query string has more than 100 parameters."),
    ],
)
def test_a_mistake_gets_one_line_that_says_what_to_do(
    client: TestClient, tenant: Tenant, query: str, message: str
) -> None:
    response = client.get(f"{PATH}?{query}", headers=tenant.headers)

    assert response.status_code == 422
    assert response.json()["detail"].startswith(message)
    assert response.headers["Cache-Control"] == "private, no-store"


def test_without_a_key_there_is_no_file(client: TestClient) -> None:
    response = client.get(PATH)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_export_counts_as_ten_requests(service: ServiceFactory, tenant: Tenant) -> None:
    client = service(requests_per_minute=25)

    statuses = [client.get(PATH, headers=tenant.headers).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_no_number_reaches_a_log_a_metric_or_an_error(
    service: ServiceFactory, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    client = service(telemetry_token="token")
    with caplog.at_level("DEBUG"):
        _export(client, tenant, period="90d")
        client.get(PATH, params={"to": "+15550001"}, headers=tenant.headers)
        page = client.get("/metrics", headers={"Authorization": "Bearer token"}).text
        by_number = {"query": '{ callAnalytics { calls(after: "+15550001") { totalCount } } }'}
        error = client.post("/graphql", json=by_number, headers=tenant.headers).text

    assert 'endpoint="export"' in page
    assert "1555000" not in page
    assert "errors" in error
    assert "1555000" not in error

    assert any(record.name == "call_analytics.requests" for record in caplog.records)
    for record in caplog.records:
        if not record.name.startswith(("call_analytics", "sqlalchemy", "uvicorn")):
            continue  # the client's own log has the address
        assert "1555000" not in f"{record.getMessage()} {record.__dict__}"
