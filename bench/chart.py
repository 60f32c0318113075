"""The chart of cost against number of calls."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

STYLES = {
    "plain baseline": ("tab:red", "s"),
    "without rollups": ("tab:orange", "^"),
    "with rollups": ("tab:blue", "o"),
}


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the median latency of a full 90-day answer, one panel for each database."""
    mpl.rcParams.update({"svg.hashsalt": "call-analytics", "svg.fonttype": "none"})
    databases = results["databases"]
    figure, panels = plt.subplots(
        1, len(databases), figsize=(9, 3.6), sharey=True, layout="constrained"
    )
    for panel, (name, sizes) in zip(panels, databases.items(), strict=True):
        for who, (color, marker) in STYLES.items():
            medians = [sizes[size]["latency"][who]["full 90 days"]["median"] for size in sizes]
            panel.loglog(list(sizes), medians, color=color, marker=marker, label=who)
        panel.set_title({"postgresql": "PostgreSQL", "sqlite": "SQLite"}[name])
        panel.set_xlabel("calls of the organization")
        panel.grid(visible=True, which="major", alpha=0.3)
    panels[0].set_ylabel("full 90-day answer, ms (median)")
    panels[0].legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
