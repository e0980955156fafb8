"""How long do `import unknot`, `gym.make` and `unknot --help` take, compared with `import gymnasium`?

Each is a new Python process with one thread; they take turns, and the median counts, in seconds of the
processor. Bytecode is compiled before.

    python benchmarks/starting.py
"""

import argparse
import os
import resource
import subprocess
import sys
from statistics import median

BASE = "import gymnasium"
COMMANDS = {
    "python": ["-c", "pass"],
    BASE: ["-c", BASE],
    "import unknot": ["-c", "import unknot"],
    "import unknot, gym.make": [
        "-c",
        "import gymnasium, unknot; gymnasium.make('unknot/Planar-v0')",
    ],
    "unknot --help": ["-m", "unknot", "--help"],
}


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="turns of each")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(options.rounds + 1):
        for name, arguments in COMMANDS.items():
            passed = process_seconds(arguments)
            if turn:  # the first compiles
                seconds[name].append(passed)
    base = median(seconds[BASE])
    print(f"{'':28}{'seconds':>10}{'times ' + BASE:>28}")
    for name, values in seconds.items():
        print(f"{name:28}{median(values):10.3f}{median(values) / base:28.2f}")


def process_seconds(arguments: list[str]) -> float:
    """Return the seconds of the processor that Python takes with some arguments."""
    before = children_seconds()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    return children_seconds() - before


def children_seconds() -> float:
    """Return the seconds of the processor of all processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
