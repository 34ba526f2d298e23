"""`lineproof evaluate`: average precision and line-level rates, through the runtime engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra, tracked

if TYPE_CHECKING:
    from lineproof.proof.evaluate import Evaluation
    from lineproof.proof.image_level import ImageEvaluation
    from lineproof.proof.rates import LineRates


_GROUPED = "The intervals count images as independent; images of one group are not: read them as too narrow."


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="a sealed bundle")],
    dataset: Annotated[Path, typer.Argument(help="a dataset folder made by `lineproof data import`")],
    split: Annotated[str, typer.Option(help="train, val, test, or all")] = "test",
    line: Annotated[Path | None, typer.Option(help="a line file whose rules decide; default: the bundle's own")] = None,
    provider: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")] = "auto",
    score_floor: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="count less sure detections, too: published mAP does from 0.001 on"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="also write the figures to this JSON file")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure mAP, escapes and overkill of a bundle on annotated parts; of a classifier, average precision by image.

    Example: `lineproof evaluate runs/tiles/bundle data/tiles --split val`
    """
    require_extra("proof", "scipy", "faster_coco_eval")
    from lineproof.atomic import write_json
    from lineproof.bundle.open import open_bundle
    from lineproof.cli.assemble import bundle_limits, ready_engine
    from lineproof.data.dataset import open_dataset
    from lineproof.data.subset import samples_of
    from lineproof.proof.evaluate import align_classes, as_one_class, detect_all
    from lineproof.proof.evaluate import evaluate as score
    from lineproof.proof.image_level import evaluate_images
    from lineproof.rules.tolerance import Rules

    data = open_dataset(dataset)
    sealed = open_bundle(bundle)
    rules = Rules()
    if line is not None:
        from lineproof.linefile import load_line

        rules = load_line(line).rules
    limits = bundle_limits(sealed, rules)
    if sealed.manifest.recipe.get("one_class"):
        samples = as_one_class(samples_of(data, split))
    else:
        samples = align_classes(samples_of(data, split), data.classes, sealed.manifest.classes)
    engine = ready_engine(sealed, limits, provider)
    if score_floor is not None:
        engine.keep_from(score_floor)
    found = detect_all(engine, tracked(samples, "inspecting"))
    classes = sealed.manifest.classes
    result: Evaluation | ImageEvaluation
    if sealed.manifest.task == "classify":
        result = evaluate_images(samples, found, classes, limits)
        text = render_images(result)
    else:
        result = score(samples, found, classes, limits)
        text = render(result, classes)
    facts: dict[str, object] = {
        "bundle": sealed.digest,
        "dataset": data.content_hash,
        "split": split,
        "score_floor": engine.spec.score_floor,
        **result.as_dict(),
    }
    if out is not None:
        write_json(out, facts)
    emit(facts, text, as_json=as_json)


def render(result: Evaluation, classes: tuple[str, ...]) -> str:
    """The figures as a text table."""
    lines = [f"{result.images} images of {result.groups} groups", "", f"{'class':<18}{'box AP50':>10}{'AP50-95':>10}"]
    if result.masks:
        lines[-1] += f"{'mask AP50':>12}{'AP50-95':>10}"
    for name in (*classes, "all"):
        pairs = [p.per_class[name] if name != "all" else (p.ap50, p.ap50_95) for p in (result.boxes, result.masks) if p]
        row = f"{name:<18}{pairs[0][0]:>10.3f}{pairs[0][1]:>10.3f}"
        lines.append(row + (f"{pairs[1][0]:>12.3f}{pairs[1][1]:>10.3f}" if len(pairs) > 1 else ""))
    lines += ["", *_rates(result.rates)]
    if result.groups < result.images:
        lines += ["", _GROUPED]
    return "\n".join(lines)


def render_images(result: ImageEvaluation) -> str:
    """The same of a classifier."""
    lines = [f"{result.images} images of {result.groups} groups", "", f"{'class':<18}{'image AP':>10}"]
    figures = {**result.per_class, "all": result.mean_average_precision}
    lines += [f"{name:<18}{value:>10.3f}" for name, value in figures.items()]
    lines += ["", f"right     {result.right}", *_rates(result.rates)]
    if result.groups < result.images:
        lines += ["", _GROUPED]
    return "\n".join(lines)


def _rates(rates: LineRates) -> list[str]:
    lines = [f"escapes   {rates.escape}", f"overkill  {rates.overkill}", f"review    {rates.review}", ""]
    lines.append(f"{'truth':<8}" + "".join(f"{d:>8}" for d in rates.table["bad"]))
    return lines + [f"{truth:<8}" + "".join(f"{n:>8}" for n in row.values()) for truth, row in rates.table.items()]
