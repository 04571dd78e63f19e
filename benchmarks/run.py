"""Measure every goal of benchmarks/README.md: ``python benchmarks/run.py [--rounds N] [--only CASE…] [--json FILE]``.

Works from a bare Python: makes ``.bench/venv`` with this package and its peers (once), and runs itself again there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".bench" / "venv"
INSTALLED = ROOT / ".bench" / "installed"  # younger than pyproject.toml when the environment is complete
PEERS = ["openai", "httpx2"]

Rounds = list[dict[str, float]]


@dataclass(frozen=True)
class Goal:
    """A ratio of costs in one round: ``over`` by ``under`` (nothing: the cost itself)."""

    title: str
    case: str
    over: str
    under: str
    must: float | None = None
    aim: float | None = None

    @property
    def more_is_better(self) -> bool:
        return (self.aim or 0) > (self.must or 0)

    def measure(self, rounds: Rounds) -> float:
        return median(each[self.over] / each[self.under] if self.under else each[self.over] for each in rounds)

    def shown(self, value: float | None, sign: str = "") -> str:
        if value is None:
            return "-"
        if self.more_is_better:
            return f"{sign and '≥ '}{value:.3g}×"
        return f"{sign and '≤ '}{value:.3g}{'' if self.under else ' MB'}"

    def verdict(self, value: float) -> str:
        if self.must is None or self.aim is None:
            return "-"
        sign = 1 if self.more_is_better else -1
        if sign * value < sign * self.must:
            return "MISS"
        return "ok, aim" if sign * value >= sign * self.aim else "ok"


GOALS = [
    Goal("burst events/s against openai", "burst", "openai", "ours", 8, 35),
    Goal("async burst events/s against openai", "burst-async", "openai", "ours", 8, 35),
    Goal("sync paced CPU per event against openai", "paced", "ours", "openai", 0.40, 0.22),
    Goal("async paced CPU per event against openai", "paced-async", "ours", "openai", 0.75, 0.45),
    Goal("sync requests/s against bare httpx2", "request", "httpx2", "ours", 0.9, 1.7),
    Goal("sync requests/s against openai", "request", "openai", "ours", 2.5, 5),
    Goal("async requests/s, 50 at once, against bare httpx2", "request-async", "httpx2", "ours", 0.9, 2.5),
    Goal("async at 500: CPU per request against 50 at once", "request-async", "ours at 500", "ours", 1.5, 1.3),
    Goal("first event CPU against openai", "first", "ours", "openai", 0.30, 0.16),
    Goal("the same on a new connection that is then cut", "first-closed", "ours", "openai"),
    Goal("memory per held stream against openai", "held", "ours", "openai", 0.75, 0.35),
    Goal("import time against openai", "import", "ours", "openai", 0.25, 0.22),
    Goal("import time against bare httpx2", "import", "ours", "httpx2", 1.35, 1.25),
    Goal("import + first response against openai", "response", "ours", "openai"),
    Goal("import + first response against bare httpx2", "response", "ours", "httpx2"),
    Goal("in-memory decode against iter_lines + json", "decode", "httpx2", "ours", 2.5, 3.5),
    Goal("installed size with dependencies", "size", "ours", "", 3.5, 3.5),
    Goal("200 MB upload: CPU against bare httpx2", "upload", "ours", "httpx2", 1, 0.6),
    Goal("200 MB async upload: CPU against bare httpx2", "upload-async", "ours", "httpx2", 1, 0.6),
    Goal("200 MB upload: growth of resident memory", "upload-memory", "ours", "", 8, 8),
    Goal("200 MB async upload: growth of resident memory", "upload-memory", "ours async", "", 8, 8),
]


def main() -> None:
    arguments = parse_arguments()
    enter_environment()

    from cases import CASES

    unknown = set(arguments.only or []) - CASES.keys()
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    os.environ["NO_PROXY"] = "*"
    results: dict[str, Rounds] = {}
    with running_server() as url:
        for name in arguments.only or CASES:
            results[name] = []
            for costs in CASES[name].run(url, arguments.rounds):
                results[name].append(costs)
                progress(f"{name}: round {len(results[name])}")
    progress("")
    goals = [goal for goal in GOALS if goal.case in results]
    print_goals(goals, results)
    print_costs(results)
    if arguments.json:
        write_json(arguments.json, goals, results)
    if arguments.check and any(goal.verdict(goal.measure(results[goal.case])) == "MISS" for goal in goals):
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the speed of fastgpt-client beside openai and bare httpx2.")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often to measure each case (9)")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="only these cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures of all rounds")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a must is missed")
    return parser.parse_args()


def enter_environment() -> None:
    """Go on in ``.bench/venv``, where the peers are; make it, or bring it up to date, if need be."""
    if Path(sys.prefix).resolve() == VENV:
        return
    python = VENV / "bin" / "python"
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        print("installing the package and its peers into .bench/venv", file=sys.stderr)
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "-e", ROOT, *PEERS], check=True)
        INSTALLED.touch()
    os.execv(python, [str(python), *sys.argv])


@contextmanager
def running_server() -> Iterator[str]:
    """The server on one core, this process and its children on another. It ends when its stdin is closed."""
    from server import use_core

    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        use_core(0)
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def print_goals(goals: list[Goal], results: dict[str, Rounds]) -> None:
    rows: list[tuple[str, ...]] = [("goal", "must", "aim", "measured", "")]
    for goal in goals:
        value = goal.measure(results[goal.case])
        rows.append(
            (goal.title, goal.shown(goal.must, "≤"), goal.shown(goal.aim, "≤"), goal.shown(value), goal.verdict(value))
        )
    print_table(rows)


def print_costs(results: dict[str, Rounds]) -> None:
    from cases import CASES

    rows: list[tuple[str, ...]] = [("cost (of this run: compare within a line only)", "", "ours", "openai", "httpx2")]
    for name, rounds in results.items():
        costs = {contender: f"{median(each[contender] for each in rounds):.3g}" for contender in rounds[0]}
        case = CASES[name]
        rows.append((case.title, case.unit, *(costs.get(each, "-") for each in ("ours", "openai", "httpx2"))))
        if "ours at 500" in costs:
            rows.append(("async request, 500 at once", case.unit, costs["ours at 500"], "-", costs["httpx2 at 500"]))
    print()
    print_table(rows)


def print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def write_json(path: Path, goals: list[Goal], results: dict[str, Rounds]) -> None:
    from importlib.metadata import version

    summary = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("fastgpt-client", "msgspec", *PEERS)},
        "goals": {goal.title: goal.measure(results[goal.case]) for goal in goals},
        "rounds": results,
    }
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
