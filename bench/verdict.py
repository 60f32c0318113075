"""The ratios of a run, which tell more than times of a busy machine."""

from collections.abc import Iterator
from typing import Any

from bench import dashboard, exports, pages, replicas

SIZES = (10_000, 100_000, 1_000_000)
HUGE = 10_000_000
BY_INDEX = "baseline by index"
"""The plain baseline, where PostgreSQL is told to read calls through the covering index."""


def verdict(results: dict[str, Any]) -> str:
    """The ratios that were measured, one line each."""
    lines = ["ratios"]
    for name, sizes in results["databases"].items():
        for size, result in sizes.items():
            lines += [f"{name}, {size:,} calls, {line}" for line in _ratios(result)]
        ours = {
            size: result["latency"]["with rollups"]["full 90 days"]["median"]
            for size, result in sizes.items()
            if "with rollups" in result["latency"]
        }
        for larger in (SIZES[-1], HUGE):
            if larger in ours and larger // 10 in ours:
                ratio = ours[larger] / ours[larger // 10]
                lines.append(f"{name}, us at {larger:,} / at {larger // 10:,} calls = {ratio:.2f}")
    if "import" in results:
        ratio = results["import"]["with"] / results["import"]["without"]
        lines.append(f"sqlite, import with rollups / without = {ratio:.2f}")
    if "replicas" in results:
        lines += [f"postgresql, {line}" for line in replicas.ratios(results["replicas"])]
    return "\n".join(lines)


def _ratios(result: dict[str, Any]) -> Iterator[str]:
    latency = result["latency"]
    if latency:
        for what in ("full 90 days", "small organization, full 90 days"):
            plain, ours = (
                latency[who][what]["median"] for who in ("plain baseline", "with rollups")
            )
            yield f"{what}: plain baseline / us = {plain / ours:.0f}"  # NaN tells itself
        if BY_INDEX in latency:
            ratio = latency[BY_INDEX][what]["median"] / ours
            yield f"{what}: {BY_INDEX} / us = {ratio:.0f}"
    for who, shares in result.get("throughput", {}).items():
        for what, measured in shares.items():
            yield f"{what}, {who}: {measured['share']:.1f} % of the bare route"
    if "fixed" in result:
        yield from _fixed_costs(result["fixed"], result["readers"])
    yield from dashboard.ratios(result.get("dashboard", {}))
    yield from pages.ratios(result.get("pages", {}))
    yield from exports.ratios(result.get("exports", {}))
    for what, cost in result.get("write", {}).get("with", {}).items():
        yield f"{what} with triggers / without = {cost / result['write']['without'][what]:.2f}"
    if "hostile" in result:
        worst = result["hostile"]
        yield (
            f"dearest hostile request ({worst['name']}): median {worst['median']:.0f} ms, slowest "
            f"of any kind {worst['worst']:.0f} ms, {worst['statements']} SQL statements"
        )
    if "memory" in result:
        memory = result["memory"]
        ratio = memory["after 10,000"] / memory["after 100"]
        yield f"memory after 10,000 requests / after 100 = {ratio:.2f}"


def _fixed_costs(loads: dict[str, Any], readers: dict[str, Any]) -> Iterator[str]:
    fixed = {what: measured["median"] for what, measured in loads.items()}
    yield f"full 90 days, GraphQL / REST = {fixed['GraphQL'] / fixed['REST']:.2f}"
    yield f"500 assistants / 20 = {fixed['500 assistants'] / fixed['GraphQL']:.2f}"
    if "round trip" in readers:
        least = fixed["bare"] + readers["round trip"]
        yield f"REST / (bare route + one round trip) = {fixed['REST'] / least:.2f}"
    series = readers["series"]
    for zone in series.keys() - {"UTC"}:
        yield f"90 daily points, {zone} / UTC = {series[zone] / series['UTC']:.2f}"
    ratio = readers["log"]["not folded"] / readers["log"]["folded"]
    yield f"10,000 writes not folded / folded = {ratio:.2f}"
