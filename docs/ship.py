"""Ship a finished run: tables and pictures in docs/results/, metrics and small weights in the package.

    python docs/ship.py RUN published solid

puts the tables of RUN in docs/results/NAME/README.md, beside the pictures of its first seed, the metrics of
all its seeds in experiments/pretrained/NAME/results.json, from where later runs take the rows that they did
not run themselves, and the named models of its first seed, in half precision and measured anew, in
experiments/pretrained/NAME/seed-0/.
"""

import shutil
import sys
from pathlib import Path

from unknot.files import find_seeds, read_json, write_json, write_text
from unknot.representation import WEIGHTS, load_learner, save_learner
from unknot.running import load_experiment

ROOT = Path(__file__).resolve().parent.parent


def ship(run: str, models: list[str]) -> None:
    """Copy what ships of a run (see above)."""
    seeds = find_seeds(run)
    config = read_json(seeds[0] / "config.json")
    name, count = config["experiment"], len(seeds)
    experiment = load_experiment(name)
    package, page = ROOT / "experiments/pretrained" / name, ROOT / "docs/results" / name
    for folder in (package, page):
        shutil.rmtree(folder, ignore_errors=True)
    command = f"unknot run {name} --preset {config['preset']} --seeds {count}"
    metrics = [read_json(seed / "metrics.json") for seed in seeds]
    write_json(package / "results.json", {"command": command, "version": config["version"], "seeds": metrics})
    _ship_models(seeds[0], package / "seed-0", models)
    write_json(package / "seed-0/metrics.json", experiment.evaluate(package / "seed-0", full=True))
    pictures = sorted((seeds[0] / models[0] / "figures").iterdir())
    for picture in pictures:
        page.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, page / picture.name)
    source = f"[results.json](../../../experiments/pretrained/{name}/results.json)"
    lines = [
        f"# {name}",
        f"`{command}` (unknot {config['version']}); the metrics of each seed: {source}.",
        "",
    ]
    tables = "\n".join(table.to_markdown() for table in experiment.tabulate(metrics))
    images = "\n".join(f"![{path.stem}]({path.name})\n" for path in pictures)
    title = f"## Pictures of seed 0, {models[0]}\n"
    write_text(page / "README.md", "\n".join([*lines, tables, title, images]))


def _ship_models(seed: Path, folder: Path, models: list[str]) -> None:
    for model in models:
        save_learner(load_learner(seed / model / WEIGHTS), folder / model / WEIGHTS, half=True)
    shutil.copyfile(seed / "config.json", folder / "config.json")


if __name__ == "__main__":
    ship(sys.argv[1], sys.argv[2:])
