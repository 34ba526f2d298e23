"""`lineproof curve`: how many images are enough, and what more would bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lineproof.cli.lists import numbers
from lineproof.cli.output import JsonFlag, emit, require_extra
from lineproof.cli.watching import interruptible, train_progress
from lineproof.errors import InputError

_MODULES = ("torch", "ultralytics", "albumentations", "onnx", "onnxslim", "safetensors", "faster_coco_eval", "scipy")


def curve(
    data: Annotated[Path, typer.Argument(help="a dataset folder with a train and a val split", metavar="DIR")],
    out: Annotated[Path, typer.Option(help="folder of the study; called again, it goes on where it stopped")],
    sizes: Annotated[
        str | None, typer.Option(help="training images of each run, such as 25,50,100; default: 25,50,100,200")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="such as 0,1: every size once for each, with other images; default: 0,1,2")
    ] = None,
    predict: Annotated[
        str | None, typer.Option(help="sizes to predict, such as 400,800; default: twice and four times the largest")
    ] = None,
    held_out: Annotated[
        Literal["val", "test"], typer.Option("--split", help="what every run is measured on, always in full")
    ] = "val",
    without_ok: Annotated[
        bool, typer.Option("--without-ok", help="train the largest size also without its good parts, for each seed")
    ] = False,
    recipe: Annotated[str, typer.Option(help="a recipe's name (default, quick, …) or a YAML file")] = "default",
    base: Annotated[str, typer.Option(help="yolov8n, …, lineproof-n, or a .pt or .safetensors file")] = "auto",
    task: Annotated[
        Literal["detect", "segment"] | None, typer.Option(help="default: segment where the dataset has masks")
    ] = None,
    imgsz: Annotated[int | None, typer.Option(help="instead of the recipe's image size in pixels")] = None,
    epochs: Annotated[int | None, typer.Option(help="instead of the recipe's epochs")] = None,
    minutes_each: Annotated[
        float | None, typer.Option(help="every run learns as much as it can in this time, instead")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Train on nested subsets of the train split, fit a learning curve, and predict what more images will bring.

    Subsets keep parts whole and every class represented. Intervals are for another run measured on the same held-out
    images; they do not speak of parts that look different from these.

    Example: `lineproof curve data/tiles --out runs/curve --sizes 25,50,100,200 --predict 400,800`
    """
    require_extra("train", *_MODULES)
    if epochs is not None and minutes_each is not None:
        raise InputError("--epochs and --minutes-each: a run has one length", hint="give one of them")
    from lineproof.adapt.begin import Wish
    from lineproof.adapt.curve.plan import plan_cells, usual_sizes
    from lineproof.adapt.curve.plot import draw_study
    from lineproof.adapt.curve.report import report_dict, report_text, study_report
    from lineproof.adapt.curve.study import Study, run_study
    from lineproof.adapt.recipe import load_recipe, with_changes
    from lineproof.atomic import write_json
    from lineproof.data.dataset import open_dataset

    dataset = open_dataset(data)
    wanted = numbers("--sizes", sizes, least=1) or usual_sizes(dataset)
    asked = numbers("--predict", predict, least=1) or (2 * max(wanted), 4 * max(wanted))
    chosen = with_changes(load_recipe(recipe), imgsz=imgsz, epochs=epochs, minutes=minutes_each)
    cells = plan_cells(
        dataset, wanted, numbers("--seeds", seeds, least=0) or (0, 1, 2), held_out, without_ok=without_ok
    )
    study = Study(Wish(chosen, base, task, device), held_out)
    with interruptible(f"the same call goes on: lineproof curve … --out {out}"):
        outcomes = run_study(cells, out, study, train_progress)
    report = study_report(outcomes, asked)
    picture, record = out / "curve.png", out / "curve.json"
    draw_study(picture, report, f"{dataset.root.name}: learning curve, {held_out} split")
    facts = report_dict(report)
    write_json(record, facts)
    emit({"plot": str(picture), **facts}, f"{report_text(report)}\n\nplot: {picture}", as_json=as_json)
