"""Parts of an experiment: experiments of their own, each run by itself or all one after the other."""

from pathlib import Path
from types import ModuleType
from typing import Any

from unknot.experiments.common.digits import OtherDigitsError
from unknot.experiments.common.runs import models_in, run_models
from unknot.experiments.common.tables import where_measured
from unknot.files import METRICS
from unknot.progress import announce
from unknot.report import Headline, Table


class Parts:
    """The parts of an experiment; its functions are those that `Experiment` asks for.

    The settings of the whole have a field `part`, which names the part to run or says "all", and a field of
    each part's name, its settings. Each part has a folder of its name in a seed's.

    Args:
        modules: by the part's name, what offers it: each is an `Experiment`.
    """

    def __init__(self, **modules: ModuleType) -> None:
        self.modules = modules

    def presets(self, settings: type[Any]) -> dict[str, Any]:
        """Return the presets that all parts have, as settings of the whole."""
        first, *others = (part.PRESETS for part in self.modules.values())
        return {
            preset: settings(**{name: part.PRESETS[preset] for name, part in self.modules.items()})
            for preset in first
            if all(preset in presets for presets in others)
        }

    def run(self, settings: Any, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
        """Run the chosen parts; one that has its `metrics.json` is complete, and taken as it is."""

        def make(name: str, path: Path) -> dict[str, Any]:
            path.mkdir(parents=True, exist_ok=True)
            metrics: dict[str, Any] = self.modules[name].run(getattr(settings, name), path, seed, resume)
            return metrics

        chosen = [n for n in self.modules if settings.part in ("all", n) or (folder / n / METRICS).exists()]
        return {"seed": seed, "parts": run_models(chosen, folder, make)}

    def evaluate(self, settings: Any, folder: Path, seed: int, full: bool) -> dict[str, Any]:
        """Measure the parts that a seed's folder has, but for those that learnt from data that are not here.

        Raises:
            OtherDigitsError: no other part is left.
        """
        parts, found = {}, models_in(folder, self.modules)
        for name in found:
            try:
                parts[name] = self.modules[name].evaluate(getattr(settings, name), folder / name, seed, full)
            except OtherDigitsError as error:
                if len(found) == 1:
                    raise
                announce(f"{name} is left out: {error}")
        return {"seed": seed, "parts": parts}

    def tabulate(self, seeds: list[dict[str, Any]]) -> list[Table]:
        """Make the tables of every part that was run."""
        return [table for part, metrics in self._ran(seeds) for table in part.tabulate(metrics)]

    def headlines(self, seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
        """Return the headlines of every part that was run."""
        return tuple(line for part, metrics in self._ran(seeds) for line in part.headlines(metrics))

    def _ran(self, seeds: list[dict[str, Any]]) -> list[tuple[Any, list[dict[str, Any]]]]:
        """Return the parts that were run, each with the metrics of the seeds that ran it."""
        found = ((part, where_measured(seeds, "parts", name)) for name, part in self.modules.items())
        return [(part, metrics) for part, metrics in found if metrics]
