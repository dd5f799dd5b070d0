"""What a run that forecasts adds to its page: errors at every horizon beside forecasts of no network, and a movie."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.analysis.forecast_evaluation import ForecastEvaluation, HorizonErrors
from unrolled.analysis.motion import Motion, forecast_motion
from unrolled.data import ProteinMotion
from unrolled.data.adenylate_kinase import adenylate_kinase_is_here
from unrolled.errors import UnrolledError
from unrolled.experiments import Curve, Figure, Table
from unrolled.experiments.readings import grouped
from unrolled.record import Run, load_forecaster
from unrolled.spec import ForecastSpec, ProteinSpec

__all__ = ["ForecastView", "view_forecasts"]


@dataclass(frozen=True)
class ForecastView:
    """The parts of a run's page that are about its forecasts.

    Attributes:
        tables: errors at every horizon.
        figures: the same, drawn.
        motion: of a protein, true and forecast.
        note: why some of it is not there, or an empty string.
    """

    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    motion: Motion | None = None
    note: str = ""


def view_forecasts(run: Run) -> ForecastView:
    """Read the run's test, and ask its network again for the movie; empty for a run that forecasts nothing."""
    if not isinstance(run.spec.task, ForecastSpec):
        return ForecastView()
    tested = (run.result or {}).get("test")
    if tested is None:
        return ForecastView(note="There is no test yet: it is made at the end of a run.")
    found = ForecastEvaluation.from_mapping(tested)
    tables, figures = (_table(run, found),), (_figure(run, found),)
    motion, note = _motion(run)
    return ForecastView(tables, figures, motion, note)


def _motion(run: Run) -> tuple[Motion | None, str]:
    if not isinstance(run.spec.task, ProteinSpec):
        return None, ""
    if run.spec.task.trajectory is None and not adenylate_kinase_is_here():
        return None, "The protein's runs are not in the cache, and a report fetches nothing: no movie."
    try:
        model, task = load_forecaster(run)
    except UnrolledError as error:
        return None, f"The network cannot be asked again: {error}"
    return (forecast_motion(model, task), "") if isinstance(task, ProteinMotion) else (None, "")


def _all(run: Run, found: ForecastEvaluation) -> dict[str, HorizonErrors]:
    return {run.spec.network: found.errors, **found.baselines}


def _unit(run: Run) -> str:
    return "Å" if isinstance(run.spec.task, ProteinSpec) else "the data's unit"


def _table(run: Run, found: ForecastEvaluation) -> Table:
    header = ("Forecast", *(f"{each} ahead" for each in found.horizons))
    rows = [(name, *(f"{each:.4g}" for each in errors.rmse)) for name, errors in _all(run, found).items()]
    for name in found.baselines:
        rows.append((f"skill over {name}", *(f"{each:+.3f}" for each in found.skill(name))))
    caption = (
        f"Root mean square error in {_unit(run)} over {grouped(found.count[0])} targets of the test. Skill is 1 - RMSE "
        "/ RMSE of the other: 0 is as good, below 0 worse."
    )
    return Table("Errors on test windows", header, tuple(rows), caption, sources=(run.name,))


def _figure(run: Run, found: ForecastEvaluation) -> Figure:
    curves = tuple(
        Curve(name, tuple(map(float, found.horizons)), errors.rmse, tone=tone, style="line" if tone == 0 else "dashed")
        for tone, (name, errors) in enumerate(_all(run, found).items())
    )
    return Figure(
        "Error by horizon",
        "steps ahead",
        f"root mean square error ({_unit(run)})",
        curves,
        y_range=(0.0, 1.05 * max(max(curve.y) for curve in curves)),
        caption="On test windows, which nothing looked at before the end.",
        sources=(run.name,),
    )
