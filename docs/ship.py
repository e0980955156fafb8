"""Ship a finished run: tables and pictures in docs/results/, metrics and small weights in the package.

    python docs/ship.py RUN --pictures published --models published solid

puts the tables of RUN in docs/results/NAME/README.md, beside its pictures over all seeds, if it has any, and
those that its first seed has in the named folders, the metrics of all its seeds in
pretrained/NAME/results.json, from where later runs take the rows that they did not run
themselves, and the named models of its first seed, in half precision and measured anew, in
pretrained/NAME/seed-0/. What is written by hand in docs/results/NAME/notes.md stays, and stands
in the page below the command. Where no models are named, results.json lies beside the page and nothing goes
into the package. All is read and measured before what shipped earlier is replaced.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro
from tyro.conf import Positional

from unknot.files import find_seeds, read_json, write_json, write_text
from unknot.representation import WEIGHTS, load_learner, save_learner
from unknot.running import METRICS, load_experiment

ROOT = Path(__file__).resolve().parent.parent
NOTES, RESULTS = "notes.md", "results.json"


def ship(
    run: Positional[str],
    pictures: tuple[str, ...],
    models: tuple[str, ...] = (),
    command: str | None = None,
) -> None:
    """Copy what ships of a run to the documents and into the package.

    Args:
        run: a run folder; its pictures over all seeds are copied.
        pictures: folders below the first seed's, whose figures are copied.
        models: folders of models below the first seed's.
        command: what repeats the run, where it was put together from several.
    """
    seeds = find_seeds(run)
    command = command or _command(seeds)
    name = read_json(seeds[0] / "config.json")["experiment"]
    package, page = ROOT / "pretrained" / name, ROOT / "docs/results" / name
    with TemporaryDirectory() as temporary:
        new_package, new_page = Path(temporary) / "package", Path(temporary) / "page"
        if models:
            _write_package(seeds, models, command, new_package)
        shared = {path.name: path for path in sorted(seeds[0].parent.glob("figures/*"))}
        paths = [path for folder in pictures for path in sorted((seeds[0] / folder / "figures").iterdir())]
        own = picture_names(paths, taken=shared)
        if models:
            _replace(package, new_package)
        # tables fill gaps from what ships: now this run
        results = f"../../../pretrained/{name}/{RESULTS}" if models else RESULTS
        _write_page(seeds, shared, own, page / NOTES, command, results, new_page)
        if not models:
            _write_results(seeds, command, new_page)
        _replace(page, new_page)


def picture_names(paths: list[Path], taken: Iterable[str] = ()) -> dict[str, Path]:
    """Name pictures .../FOLDER/figures/NAME: NAME, or FOLDER-NAME where that is taken or several have it.

    Raises:
        ValueError: two pictures that would have one name all the same.
    """
    counts = Counter([*(path.name for path in paths), *taken])
    names = {path.name if counts[path.name] == 1 else f"{path.parts[-3]}-{path.name}": path for path in paths}
    if len(names) < len(paths):
        raise ValueError(f"pictures must be of folders with names that differ, not {[*map(str, paths)]}")
    return names


def _replace(old: Path, new: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(new, old)


def _write_package(seeds: list[Path], models: tuple[str, ...], command: str, folder: Path) -> None:
    config = read_json(seeds[0] / "config.json")
    _write_results(seeds, command, folder)
    seed = folder / "seed-0"
    for model in models:
        save_learner(load_learner(seeds[0] / model / WEIGHTS), seed / model / WEIGHTS, half=True)
        if (measured := seeds[0] / model / METRICS).exists():
            shutil.copyfile(measured, seed / model / METRICS)
    shutil.copyfile(seeds[0] / "config.json", seed / "config.json")
    write_json(seed / METRICS, load_experiment(config["experiment"]).evaluate(seed, full=True))


def _write_results(seeds: list[Path], command: str, folder: Path) -> None:
    metrics = [read_json(seed / METRICS) for seed in seeds]
    version = read_json(seeds[0] / "config.json")["version"]
    write_json(folder / RESULTS, {"command": command, "version": version, "seeds": metrics})


def _write_page(
    seeds: list[Path],
    shared: dict[str, Path],
    own: dict[str, Path],
    notes: Path,
    command: str,
    results: str,
    folder: Path,
) -> None:
    config = read_json(seeds[0] / "config.json")
    name = config["experiment"]
    folder.mkdir()
    for picture, path in (shared | own).items():
        shutil.copyfile(path, folder / picture)
    parts = [
        f"# {name}\n",
        f"`{command}` (unknot {config['version']}); the metrics of each seed: [{RESULTS}]({results}).\n",
    ]
    if notes.exists():
        shutil.copyfile(notes, folder / NOTES)
        parts.append(notes.read_text(encoding="utf-8"))
    metrics = [read_json(seed / METRICS) for seed in seeds]
    parts += [table.to_markdown() for table in load_experiment(name).tabulate(metrics)]
    if shared:
        parts.append("## Pictures of all seeds\n")
        parts += [f"![{path.stem}]({picture})\n" for picture, path in shared.items()]
    parts.append("## Pictures of seed 0\n")
    parts += [f"![{path.parts[-3]}: {path.stem}]({picture})\n" for picture, path in own.items()]
    write_text(folder / "README.md", "\n".join(parts))


def _command(seeds: list[Path]) -> str:
    config = read_json(seeds[0] / "config.json")
    return f"unknot run {config['experiment']} --preset {config['preset']} --seeds {len(seeds)}"


if __name__ == "__main__":
    tyro.cli(ship)
