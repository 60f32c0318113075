"""The body of the REST endpoint, as a plain loop over calls."""

from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
"""A call or an assistant, by the column names of the platform's tables; or an answer."""


def analytics(
    calls: list[Row],
    assistants: list[Row],
    organization_id: int,
    days: int,
    now: datetime,
    limit: int = 10,
) -> Row:
    """What the organization's figures are at the instant ``now`` (UTC, without a zone)."""
    names = {
        assistant["id"]: assistant["name"]
        for assistant in assistants
        if assistant["organization_id"] == organization_id
    }
    start = now - timedelta(hours=24 * days)
    total = completed = failed = ongoing = 0
    total_duration = timed = 0
    daily: dict[str, dict[str, int]] = {}
    per_assistant: dict[int, dict[str, int]] = {}

    for call in calls:
        if call["assistant_id"] not in names:
            continue
        # What no datetime can be (infinity, the year 10000, text) is no time, and never counts.
        if not isinstance(call["started_at"], datetime) or call["started_at"] < start:
            continue
        total += 1
        day = daily.setdefault(
            call["started_at"].strftime("%Y-%m-%d"), {"total": 0, "completed": 0, "failed": 0}
        )
        day["total"] += 1
        assistant = per_assistant.setdefault(call["assistant_id"], {"calls": 0, "duration": 0})
        assistant["calls"] += 1
        assistant["duration"] += call["duration"] or 0
        if call["status"] == "completed":
            completed += 1
            day["completed"] += 1
            if call["duration"]:
                total_duration += call["duration"]
                timed += 1
        elif call["status"] == "failed":
            failed += 1
            day["failed"] += 1
        elif call["status"] == "ongoing":
            ongoing += 1

    ranking = sorted(per_assistant, key=lambda key: (-per_assistant[key]["calls"], key))
    return {
        "total_calls": total,
        "completed_calls": completed,
        "failed_calls": failed,
        "ongoing_calls": ongoing,
        "total_duration": total_duration,
        "avg_duration": total_duration / timed if timed else 0,
        "success_rate": 100 * completed / total if total else 0,
        "daily_stats": dict(sorted(daily.items())),
        "top_assistants": [
            {"assistant_id": key, "assistant_name": names[key], **per_assistant[key]}
            for key in ranking[:limit]
        ],
    }
