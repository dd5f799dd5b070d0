"""A run that forecasts on its page: errors beside forecasts of no network, and a movie that needs no script."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

from unrolled.analysis.motion import forecast_motion
from unrolled.data import ProteinMotion
from unrolled.errors import InputError
from unrolled.record import load_forecaster, load_model, open_run
from unrolled.report import render_report
from unrolled.report.movie import render_movie
from unrolled.report.origins import describe
from unrolled.spec import default_spec
from unrolled.training import train


@pytest.fixture
def run(protein: dict[str, str], tmp_path: Path) -> Path:
    options = {"window": 6, "horizons": "1,3,6", "smoothing": "0", "hidden": 4, "embedding": 4, "batch": 4, "steps": 3}
    for _ in train(default_spec("protein", **protein, **options), name="opening", runs=tmp_path):
        pass
    return tmp_path / "opening"


def test_the_page_has_errors_and_a_movie(run: Path) -> None:
    html = render_report([open_run(run)])
    assert "<script" not in html
    assert "True and forecast motion" in html
    assert "Error by horizon" in html
    assert "skill over persistence" in html
    result = open_run(run).result
    assert result is not None
    assert f"<td>{result['test']['rmse'][2]:.4g}</td>" in html
    assert f"<td>{result['test']['baselines']['linear']['rmse'][2]:.4g}</td>" in html


def test_without_its_files_the_page_says_so(run: Path, protein: dict[str, str]) -> None:
    Path(protein["test"]).unlink()
    html = render_report([open_run(run)])
    assert "True and forecast motion" not in html
    assert "The network cannot be asked again" in html
    assert "Error by horizon" in html


def test_the_movie_shows_what_was_forecast(run: Path) -> None:
    model, task = load_forecaster(open_run(run))
    assert isinstance(task, ProteinMotion)
    motion = forecast_motion(model, task, ahead=3, frames=5)
    assert motion.true.shape == motion.forecast.shape == motion.still.shape == (5, 24, 2)
    batch = task.batch("test", torch.tensor([0]))
    # Flat distances are at most those in space, and nearly those along the two widest directions.
    moved = (motion.true[0] - motion.still[0]).norm(dim=-1)
    assert bool((moved <= batch.targets[1, 0].norm(dim=-1) + 1e-5).all())
    assert motion.frames[0] == 6 + 3
    svg = ET.fromstring(render_movie(motion))
    lines = svg.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    for line in lines:
        frames = line[0].attrib["values"].split(";")
        assert len(frames) == 5
        assert line.attrib["points"] == frames[0]
        assert all(len(frame.split()) == 24 for frame in frames)
        assert not re.search("nan|inf", line[0].attrib["values"])
    with pytest.raises(InputError, match="ahead is 2: one of 1, 3, 6 would do"):
        forecast_motion(model, task, ahead=2)


def test_a_run_that_forecasts_has_no_network_of_cells(run: Path) -> None:
    with pytest.raises(InputError, match="learnt to forecast protein"):
        load_model(open_run(run))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("gconv-gru", "gconv-gru 32"),
        ("graph", "graph (gcn) 32"),
        ("node-recurrent", "node-recurrent (gru) 32"),
        ("graph-recurrent", "graph-recurrent (gcn, gru) 32"),
    ],
)
def test_a_network_is_told_by_the_layers_that_it_has(network: str, said: str) -> None:
    assert f"; {said}, dropout" in describe(default_spec("sensors", network=network))
