"""Ship a finished run: its results, pictures and small weights.

    python docs/ship.py RUN --pictures published --models published solid

- copies pictures to docs/results/NAME/: those over all seeds of RUN, and those of the first seed in the named
  folders;
- writes the metrics of all seeds to pretrained/NAME/results.json, from where later runs take the rows that
  they did not run themselves;
- saves the named models of the first seed, in half precision and measured again, in pretrained/NAME/seed-0/;
- writes the page. Its notes.md and tried.md, written by hand, stay.

Without models, results.json goes beside the page and nothing goes into the package. The script reads and
measures everything before it replaces any earlier file.

    python docs/ship.py RUN --add

adds the seeds of RUN to those that ship, which come before them: their metrics, and the pictures over all
seeds. Models and the first seed's pictures stay.
"""

import runpy
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from tyro.conf import Positional

from unknot.experiments import Illustrated
from unknot.files import CONFIG, METRICS, RESULTS, SOURCE, WEIGHTS, read_json, write_json, write_text
from unknot.report import save_figures
from unknot.representation import Trainable, load_learner, save_learner
from unknot.run_folders import find_seeds
from unknot.running import evaluate_seed, load_experiment

ROOT = Path(__file__).resolve().parent.parent
BUILD = runpy.run_path(str(Path(__file__).with_name("build.py")))


def ship(
    run: Positional[str],
    pictures: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    command: str | None = None,
    add: bool = False,
) -> None:
    """Copy the files of a run that ship to the documents and into the package.

    Args:
        run: a run folder; its pictures over all seeds are copied.
        pictures: folders below the first seed's, whose figures are copied.
        models: folders of models below the first seed's.
        command: the command that repeats the run, if it was put together from several.
        add: add the seeds to those that ship, in place of replacing them.
    """
    seeds = find_seeds(run)
    if add:
        if pictures or models:
            raise ValueError("add keeps the models and the first seed's pictures: name none")
        return _add(seeds, command)
    command = command or _command(seeds[0], len(seeds))
    name = read_json(seeds[0] / CONFIG)["experiment"]
    package, page = _homes(name)
    paths = [path for folder in pictures for path in sorted((seeds[0] / folder / "figures").iterdir())]
    shared = {path.name: path for path in sorted(seeds[0].parent.glob("figures/*"))}
    chosen = shared | picture_names(paths, taken=shared)
    with TemporaryDirectory() as temporary:
        results = Path(temporary)
        metrics = [read_json(seed / METRICS) for seed in seeds]
        _write_results(metrics, command, read_json(seeds[0] / CONFIG)["version"], results)
        if models:
            _write_models(seeds, models, results)
        _replace(package if models else page, results)
    for old in page.glob("*"):
        if old.suffix in (".png", ".gif"):
            old.unlink()
    for picture, path in chosen.items():
        shutil.copyfile(path, page / picture)
    write_text(page / BUILD["PAGE"], BUILD["results_page"](name, ROOT))


def _homes(name: str) -> tuple[Path, Path]:
    """Return an experiment's folder in the package, and that of its page."""
    return ROOT / "pretrained" / name, ROOT / "docs/results" / name


def _add(seeds: list[Path], command: str | None) -> None:
    config = read_json(seeds[0] / CONFIG)
    name = config["experiment"]
    package, page = _homes(name)
    home = next(folder for folder in (package, page) if (folder / RESULTS).exists())
    shipped = read_json(home / RESULTS)
    numbers, first = [read_json(seed / CONFIG)["seed"] for seed in seeds], len(shipped["seeds"])
    if numbers != [*range(first, first + len(seeds))]:
        raise ValueError(f"{first} seeds ship: those to add must be {first} and on, not {numbers}")
    if (known := package / "seed-0" / CONFIG).exists() and read_json(known)["settings"] != config["settings"]:
        raise ValueError(f"{seeds[0]} has other settings than {known}")
    metrics = shipped["seeds"] + [read_json(seed / METRICS) for seed in seeds]
    experiment = load_experiment(name)
    with TemporaryDirectory() as temporary:
        if isinstance(experiment, Illustrated):
            save_figures(experiment.plot(metrics), Path(temporary))
        for picture in Path(temporary).glob("figures/*"):
            shutil.copyfile(picture, page / picture.name)
    _write_results(metrics, command or _command(seeds[0], len(metrics)), shipped["version"], home)
    write_text(page / BUILD["PAGE"], BUILD["results_page"](name, ROOT))


def picture_names(paths: list[Path], taken: Iterable[str] = ()) -> dict[str, Path]:
    """Name pictures .../FOLDER/figures/NAME: NAME, or FOLDER-NAME where that is taken or several have it.

    Raises:
        ValueError: two pictures would still have the same name.
    """
    counts = Counter([*(path.name for path in paths), *taken])
    names = {path.name if counts[path.name] == 1 else f"{path.parts[-3]}-{path.name}": path for path in paths}
    if len(names) < len(paths):
        raise ValueError(f"pictures must be of folders with names that differ, not {[*map(str, paths)]}")
    return names


def _replace(old: Path, new: Path) -> None:
    """Replace the results, and the models where `new` has some, in a folder."""
    if (new / "seed-0").exists():
        shutil.rmtree(old / "seed-0", ignore_errors=True)
    shutil.copytree(new, old, dirs_exist_ok=True)


def _write_models(seeds: list[Path], models: tuple[str, ...], folder: Path) -> None:
    seed = folder / "seed-0"
    for model in models:
        learner = load_learner(seeds[0] / model / WEIGHTS, kind=Trainable)
        save_learner(learner, seed / model / WEIGHTS, half=True)
        if (measured := seeds[0] / model / METRICS).exists():
            shutil.copyfile(measured, seed / model / METRICS)
        if (source := (seeds[0] / model).parent / SOURCE).exists():
            shutil.copyfile(source, (seed / model).parent / SOURCE)
    shutil.copyfile(seeds[0] / CONFIG, seed / CONFIG)
    write_json(seed / METRICS, evaluate_seed(seed, full=True))


def _write_results(metrics: list[Any], command: str, version: str, folder: Path) -> None:
    write_json(folder / RESULTS, {"command": command, "version": version, "seeds": metrics})


def _command(seed: Path, count: int) -> str:
    config = read_json(seed / CONFIG)
    return f"unknot run {config['experiment']} --preset {config['preset']} --seeds {count}"


if __name__ == "__main__":
    tyro.cli(ship)
