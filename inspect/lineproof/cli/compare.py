"""`lineproof compare`: the adaptation ladder, ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.compare_wish import CompareWish, at_once, check_positive, costs_of
from lineproof.cli.output import JsonFlag, emit, messages, require_extra
from lineproof.cli.watching import interruptible, live_or_plain

if TYPE_CHECKING:
    from rich.table import Table

    from lineproof.adapt.ladder.figures import TrialResult
    from lineproof.adapt.ladder.ladder import Comparison
    from lineproof.adapt.ladder.plan import Limits, Plan
    from lineproof.adapt.ladder.ranking import Criterion
    from lineproof.adapt.ladder.runner import Runner, Show
    from lineproof.adapt.latency import Latency
    from lineproof.data.dataset import Dataset
    from lineproof.serve.ray_cluster import Place

_MODULES = ("torch", "ultralytics", "albumentations", "onnx", "onnxslim", "safetensors", "faster_coco_eval", "scipy")


def compare(
    data: Annotated[Path, typer.Argument(help="a dataset folder with a train and a val split", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="folder of the comparison; called again, it goes on")],
    rungs: Annotated[
        str | None, typer.Option(help="recipes, by name or file, separated by commas; default: the whole ladder")
    ] = None,
    bases: Annotated[
        str | None, typer.Option(help="pretrained weights, by name or file, separated by commas; default: auto")
    ] = None,
    imgsz: Annotated[
        str | None, typer.Option(help="image sizes in pixels, such as 224,320; default: the recipe's")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="such as 0,1: finalists are trained with each; default: 0")] = None,
    task: Annotated[
        Literal["detect", "segment"] | None, typer.Option(help="default: segment where the dataset has masks")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="length of the whole schedule, instead of the recipes'")] = None,
    epochs: Annotated[int | None, typer.Option(help="the same in passes over the training images")] = None,
    batch: Annotated[int | None, typer.Option(help="instead of the recipes' batch")] = None,
    rounds: Annotated[
        int | None,
        typer.Option(help="at most; schedules triple from round to round; default: 3, a ninth first", min=1, max=8),
    ] = None,
    no_halving: Annotated[bool, typer.Option("--no-halving", help="train every candidate in full")] = False,
    minutes: Annotated[
        float | None, typer.Option(help="time for everything: each candidate learns equally long, so that all fit")
    ] = None,
    minutes_each: Annotated[
        float | None, typer.Option(help="time for one full training of a candidate: all learn equally long")
    ] = None,
    latency_ms: Annotated[float | None, typer.Option(help="drop what is slower, image to detections")] = None,
    provider: Annotated[str, typer.Option(help="latency is measured on: auto, cpu, cuda or tensorrt")] = "auto",
    rank: Annotated[
        Literal["cost", "map"] | None, typer.Option(help="default: cost where costs are given, else mAP50-95")
    ] = None,
    cost_escape: Annotated[float | None, typer.Option(help="of a bad part that passes")] = None,
    cost_overkill: Annotated[float | None, typer.Option(help="of a good part that is rejected")] = None,
    prior: Annotated[
        float | None, typer.Option(help="share of bad parts on the line; default: as in validation")
    ] = None,
    ablate: Annotated[
        str | None,
        typer.Option(
            help="instead: take items out of one recipe: augment, geometry, stages, rates, steps, paste, tiles"
        ),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="with --ablate: the recipe; default: default")] = None,
    workers: Annotated[int | None, typer.Option(help="trials at once; default: one per two cores", min=1)] = None,
    on: Annotated[
        str | None, typer.Option(help="ray, or ray://HOST:PORT of a cluster that sees the same folders")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="go on with the settings it was begun with")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train several ways to adapt several bases on the same parts, and rank them by what counts on your line.

    Short schedules come first and the better half goes on, so that hopeless candidates stop early; with three candidates
    that saves nothing, and each is trained in full. Every figure of the last round is measured through the sealed bundle.
    Ctrl-C at any time; the same command goes on.

    Example: `lineproof compare data/tiles --out runs/ladder --bases yolov8n,yolov8s --cost-escape 500 --cost-overkill 2`
    """
    require_extra("train", *_MODULES)
    from lineproof.adapt.ladder.plan import Limits, read_plan, settle
    from lineproof.adapt.ladder.ranking import Criterion
    from lineproof.data.dataset import open_dataset

    wish = CompareWish(
        rungs=rungs,
        bases=bases,
        imgsz=imgsz,
        seeds=seeds,
        task=task,
        steps=steps,
        epochs=epochs,
        minutes=minutes,
        minutes_each=minutes_each,
        batch=batch,
        rounds=rounds,
        no_halving=no_halving,
        ablate=ablate,
        recipe=recipe,
        device=device,
        workers=workers,
    )
    dataset = open_dataset(data)
    check_positive(minutes=minutes, minutes_each=minutes_each, latency_ms=latency_ms)
    if resume:
        wish.refuse_settings()
        plan = read_plan(out)
    else:
        plan = wish.plan(dataset, out)
    costs = costs_of(dataset, rank, cost_escape, cost_overkill, prior)
    place = _place(on)
    if settle(out, _of_now(plan, dataset) if resume else plan):
        messages.print(f"going on with {out}", markup=False)
    limits = Limits(minutes, latency_ms)
    go_on = f"go on with: lineproof compare … --out {out} --resume"
    with interruptible(go_on), _show() as show, _runner(place, workers, device) as runner:
        outcome = _climb(plan, dataset, out, Criterion(costs, plan.split_hash), limits, provider, runner, show)
    _tell(plan, out, outcome, latency_ms, as_json=as_json)


def _climb(
    plan: Plan,
    dataset: Dataset,
    out: Path,
    criterion: Criterion,
    limits: Limits,
    provider: str,
    runner: Runner,
    show: Show,
) -> Comparison:
    from lineproof.adapt.ladder.clock import clock_trials
    from lineproof.adapt.ladder.ladder import compare as climb
    from lineproof.adapt.ladder.variants import write_presets

    if plan.kind == "ablate":
        write_presets(plan.candidates[0].recipe, out)

    def clocked(results: Mapping[str, TrialResult]) -> Mapping[str, Latency]:
        if plan.kind == "ablate":  # the same network every time
            return {}
        show.say(f"measuring the latency of {len(results)} candidates, in turns")
        return clock_trials(results, dataset, provider)

    return climb(plan, out, criterion, limits, runner, show, clocked)


def _tell(plan: Plan, out: Path, outcome: Comparison, latency_ms: float | None, *, as_json: bool) -> None:
    """Files first, then the answer."""
    from lineproof.adapt.ladder.ablation import ablation_facts, ablation_table
    from lineproof.adapt.ladder.picture import draw_ladder
    from lineproof.adapt.ladder.recommended import train_command, write_recommended
    from lineproof.adapt.ladder.report import facts, table
    from lineproof.adapt.ladder.wording import sentences
    from lineproof.atomic import write_json

    if plan.kind == "ablate":
        result = {"out": str(out), **ablation_facts(outcome)}
        text = _drawn(ablation_table(outcome))
    else:
        draw_ladder(out / "ladder.png", outcome, latency_ms)
        path, command = write_recommended(out, plan, outcome), train_command(out, plan, outcome.best)
        best = next(iter(outcome.best.results.values()))
        bundle = best.bundle or None
        result = {"out": str(out), **facts(outcome), "recipe": path and str(path), "command": command, "bundle": bundle}
        already = f"trained already: {bundle}" if bundle else f"trained in part, and not sealed: {best.run}"
        text = "\n".join([_drawn(table(outcome)), *sentences(outcome), already, f"to train it anew: {command}"])
    write_json(out / "results.json", result)
    emit(result, text, as_json=as_json)


def _drawn(table: Table) -> str:
    """A table as text: as wide as the terminal, or as it needs to be elsewhere."""
    import io
    import sys

    from rich.console import Console

    stream = io.StringIO()
    width = None if sys.stdout.isatty() else 180
    Console(file=stream, width=width, color_system=None).print(table)
    return stream.getvalue().rstrip()


def _of_now(plan: Plan, dataset: Dataset) -> Plan:
    """The plan as begun, with the data as they are now: `settle` compares them."""
    from lineproof.adapt.run_folder import split_hash

    return plan.model_copy(update={"dataset_hash": dataset.content_hash, "split_hash": split_hash(dataset)})


def _place(on: str | None) -> Place | None:
    """Where Ray is; None: processes here. Raises SettingsError or MissingExtra before anything starts."""
    if on is None:
        return None
    from lineproof.serve.ray_cluster import Place

    place = Place.parse(on)
    require_extra("scale", "ray")
    return place


@contextmanager
def _runner(place: Place | None, workers: int | None, device: str) -> Iterator[Runner]:
    """Processes here, or tasks on a Ray that ends with the comparison if it is our own."""
    from lineproof.adapt.device import choose_device
    from lineproof.adapt.isolation import cpu_threads
    from lineproof.adapt.ladder.processes import ProcessRunner

    cores = cpu_threads()
    on_gpu = choose_device(device).type != "cpu"
    trials = at_once(workers, device)
    if place is None:
        yield ProcessRunner(trials, cores)
        return
    from lineproof.serve.ray_cluster import RayKeeper

    each = max(1, cores // trials)
    keeper = RayKeeper(place, cpus=each * trials, gpus=None if on_gpu else 0)
    try:
        keeper.start()
        from lineproof.adapt.ladder.ray_tasks import RayRunner

        yield RayRunner(cpus=each, on_gpu=on_gpu)
    finally:
        keeper.stop()


@contextmanager
def _show() -> Iterator[Show]:
    from lineproof.adapt.ladder.show import LiveShow, PlainShow

    either: AbstractContextManager[Show] = live_or_plain(LiveShow, PlainShow)
    with either as show:
        yield show
