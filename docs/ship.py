"""Ship a finished run: tables and pictures in docs/results/, metrics and small weights in the package.

    python docs/ship.py RUN --models published solid --pictures published

puts the tables of RUN in docs/results/NAME/README.md, beside the pictures that its first seed has in the
named folders, the metrics of all its seeds in experiments/pretrained/NAME/results.json, from where later runs
take the rows that they did not run themselves, and the named models of its first seed, in half precision and
measured anew, in experiments/pretrained/NAME/seed-0/. What is written by hand in docs/results/NAME/notes.md
stays, and stands in the page below the command. All is read and measured before what shipped earlier is
replaced.
"""

import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro
from tyro.conf import Positional

from unknot.files import find_seeds, read_json, write_json, write_text
from unknot.representation import WEIGHTS, load_learner, save_learner
from unknot.running import METRICS, load_experiment

ROOT = Path(__file__).resolve().parent.parent
NOTES = "notes.md"


def ship(
    run: Positional[str], models: tuple[str, ...], pictures: tuple[str, ...], command: str | None = None
) -> None:
    """Copy what ships of a run to the documents and into the package.

    Args:
        run: a run folder.
        models: folders of models below the first seed's.
        pictures: folders below the first seed's, whose figures are copied.
        command: what repeats the run, where it was put together from several.
    """
    seeds = find_seeds(run)
    command = command or _command(seeds)
    name = read_json(seeds[0] / "config.json")["experiment"]
    package, page = ROOT / "experiments/pretrained" / name, ROOT / "docs/results" / name
    with TemporaryDirectory() as temporary:
        new_package, new_page = Path(temporary) / "package", Path(temporary) / "page"
        _write_package(seeds, models, command, new_package)
        paths = [path for folder in pictures for path in sorted((seeds[0] / folder / "figures").iterdir())]
        _replace(package, new_package)
        # tables fill gaps from what ships: now this run
        _write_page(seeds, picture_names(paths), page / NOTES, command, new_page)
        _replace(page, new_page)


def picture_names(paths: list[Path]) -> dict[str, Path]:
    """Name pictures .../FOLDER/figures/NAME: NAME, or FOLDER-NAME where several have that name.

    Raises:
        ValueError: two pictures that would have one name all the same.
    """
    counts = Counter(path.name for path in paths)
    names = {path.name if counts[path.name] == 1 else f"{path.parts[-3]}-{path.name}": path for path in paths}
    if len(names) < len(paths):
        raise ValueError(f"pictures must be of folders with names that differ, not {[*map(str, paths)]}")
    return names


def _replace(old: Path, new: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(new, old)


def _write_package(seeds: list[Path], models: tuple[str, ...], command: str, folder: Path) -> None:
    config = read_json(seeds[0] / "config.json")
    metrics = [read_json(seed / METRICS) for seed in seeds]
    shipped = {"command": command, "version": config["version"], "seeds": metrics}
    write_json(folder / "results.json", shipped)
    seed = folder / "seed-0"
    for model in models:
        save_learner(load_learner(seeds[0] / model / WEIGHTS), seed / model / WEIGHTS, half=True)
        if (measured := seeds[0] / model / METRICS).exists():
            shutil.copyfile(measured, seed / model / METRICS)
    shutil.copyfile(seeds[0] / "config.json", seed / "config.json")
    write_json(seed / METRICS, load_experiment(config["experiment"]).evaluate(seed, full=True))


def _write_page(
    seeds: list[Path], pictures: dict[str, Path], notes: Path, command: str, folder: Path
) -> None:
    config = read_json(seeds[0] / "config.json")
    name = config["experiment"]
    folder.mkdir()
    for picture, path in pictures.items():
        shutil.copyfile(path, folder / picture)
    source = f"[results.json](../../../experiments/pretrained/{name}/results.json)"
    parts = [
        f"# {name}\n",
        f"`{command}` (unknot {config['version']}); the metrics of each seed: {source}.\n",
    ]
    if notes.exists():
        shutil.copyfile(notes, folder / NOTES)
        parts.append(notes.read_text(encoding="utf-8"))
    metrics = [read_json(seed / METRICS) for seed in seeds]
    parts += [table.to_markdown() for table in load_experiment(name).tabulate(metrics)]
    parts.append("## Pictures of seed 0\n")
    parts += [f"![{path.parts[-3]}: {path.stem}]({picture})\n" for picture, path in pictures.items()]
    write_text(folder / "README.md", "\n".join(parts))


def _command(seeds: list[Path]) -> str:
    config = read_json(seeds[0] / "config.json")
    return f"unknot run {config['experiment']} --preset {config['preset']} --seeds {len(seeds)}"


if __name__ == "__main__":
    tyro.cli(ship)
