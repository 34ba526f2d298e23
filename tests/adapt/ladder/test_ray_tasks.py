"""The same trials as tasks on a real Ray of this machine."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from adapt.ladder.scripted_trials import Told
from lineproof.adapt.ladder.candidate import Candidate
from lineproof.adapt.ladder.figures import read_result
from lineproof.adapt.ladder.plan import Plan, make_plan
from lineproof.adapt.recipe import Geometry, Recipe
from lineproof.data.dataset import Dataset
from lineproof.errors import EngineError
from lineproof.serve.ray_cluster import Place, RayKeeper

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the scale extra: ray is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="as the other tests of Ray"),
]


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    """A Ray of our own, up."""
    home = str(Path(__file__).parents[3] / "inspect")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
    with warnings.catch_warnings(action="ignore"):  # it warns of itself while it is imported
        keeper = RayKeeper(Place(), cpus=1, gpus=0)
        keeper.start()
    yield
    keeper.stop()


def tiny(boxes: Dataset) -> Plan:
    recipe = Recipe(
        imgsz=64, epochs=1, batch=4, nominal_batch=4, warmup_steps=0, augment="none", geometry=Geometry(mosaic=0)
    )
    rungs = [
        Candidate(rung=name, base=base, imgsz=64, recipe=recipe) for name, base in (("a", "scratch"), ("b", "x.pt"))
    ]
    return make_plan(boxes, tuple(rungs), (0,), rounds=1, device="cpu")


@pytest.mark.train
@pytest.mark.usefixtures("_ray")
def test_a_trial_is_trained_by_a_task_and_a_failing_one_is_a_row(boxes: Dataset, tmp_path: Path):
    from lineproof.adapt.ladder.ray_tasks import RayRunner

    wanted = tiny(boxes)
    specs = [wanted.spec(tmp_path, c.key, 0, 1, last=True) for c in wanted.candidates]
    told = Told()
    runner = RayRunner(cpus=1, on_gpu=False)
    assert runner.workers == 1
    good, bad = runner.run(specs, told)
    assert (good.status, good.epochs_run) == ("done", 1), good.reason
    assert good.val is not None
    assert good.val.images == 6
    assert read_result(Path(specs[0].folder)) == good
    assert bad.status == "failed"
    assert "x.pt: no such file" in bad.reason
    assert {line for line in told.said if line.startswith("ended")} == {
        f"ended {good.key} done",
        f"ended {bad.key} failed",
    }


@pytest.mark.usefixtures("_ray")
def test_more_than_there_is_is_refused():
    from lineproof.adapt.ladder.ray_tasks import RayRunner

    with pytest.raises(EngineError, match="Ray has no room for a trial, which takes 64 cores"):
        RayRunner(cpus=64, on_gpu=False)
    with pytest.raises(EngineError, match="1 core and a GPU"):
        RayRunner(cpus=1, on_gpu=True)


@pytest.mark.usefixtures("_ray")
def test_past_their_time_tasks_are_stopped(boxes: Dataset, tmp_path: Path):
    from lineproof.adapt.ladder.ray_tasks import RayRunner

    wanted = tiny(boxes)
    specs = [wanted.spec(tmp_path, c.key, 0, 1, last=True) for c in wanted.candidates]
    results = RayRunner(cpus=1, on_gpu=False).run(specs, Told(), until_s=0.0)
    assert [result.status for result in results] == ["stopped", "stopped"]
