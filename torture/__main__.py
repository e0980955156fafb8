"""Run all attacks: `python -m torture` writes docs/robustness.md; `--quick` prints a sample's tables."""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from torture import fuzz, hostile, kills, soak
from unknot.files import write_text

PAGE = Path(__file__).resolve().parent.parent / "docs" / "robustness.md"
ATTACKS = {"kills": kills.attack, "hostile": hostile.attack, "fuzz": fuzz.attack, "soak": soak.attack}


def main() -> int:
    """Run the attacks, print their tables and failures, and return 1 if there is a failure."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sample, which writes no page")
    parser.add_argument("--only", choices=ATTACKS, help="one attack, which writes no page")
    options = parser.parse_args()
    console, begin = Console(), time.monotonic()
    names = [options.only] if options.only else list(ATTACKS)
    reports = []
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:  # kills leave a core half idle
        running = {name: pool.submit(ATTACKS[name], options.quick) for name in names}
        for name, attack in running.items():
            reports.append(attack.result())
            console.print(reports[-1].table.to_rich())
            for failure in reports[-1].failures:
                console.print(f"FAILED {name}: {failure}", markup=False, highlight=False)
    failures = sum(len(report.failures) for report in reports)
    minutes = (time.monotonic() - begin) / 60
    verdict = f"{failures} promises broken" if failures else "Every promise held"
    console.print(f"{verdict} ({minutes:.0f} minutes).")
    if not (options.quick or options.only):
        tables = "\n".join(report.table.to_markdown() for report in reports)
        lines = [f"- {failure}" for report in reports for failure in report.failures]
        head = f"# Robustness\n\n{verdict} (`make torture`, {minutes:.0f} minutes on two cores).\n"
        write_text(PAGE, "\n".join([head, *lines, tables]))
    return failures > 0


if __name__ == "__main__":
    raise SystemExit(main())
