"""`lineproof data augment-preview`: what augmentation does to the defects, to look at and in figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra, tracked

if TYPE_CHECKING:
    from lineproof.adapt.visibility_check import Visibility


def augment_preview(
    folder: Annotated[Path, typer.Argument(help="a dataset folder with a train split", metavar="DIR")],
    out: Annotated[Path, typer.Option("--out", help="the picture, a .png file")],
    augment: Annotated[str | None, typer.Option(help="a preset's name or a YAML file; default: the recipe's")] = None,
    recipe: Annotated[
        str, typer.Option(help="a recipe's name or a YAML file: image size, orientation, paste")
    ] = "default",
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=40, help="number of images")] = 6,
    paste: Annotated[
        float | None, typer.Option(min=0, max=1, help="instead of the recipe's probability of pasting; 0: no column")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other images and draws")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Draw what augmentation does to training images; exit 1 when it erases defects, which `train` would refuse.

    Each transform is shown alone, with the share of a defect's visibility that it keeps: of its contrast-to-noise
    ratio, or of its fine structure where a texture has no contrast.

    Example: `lineproof data augment-preview parts --out augment.png --augment harsh --paste 0.5`
    """
    require_extra("train", "torch", "ultralytics", "albumentations")
    from lineproof.adapt.augment import load_augmentation
    from lineproof.adapt.augment_sheet import draw_augmentation
    from lineproof.adapt.recipe import load_recipe
    from lineproof.adapt.visibility_check import bad_training_samples, measure, sample_views
    from lineproof.data.dataset import open_dataset
    from lineproof.data.sheet import require_png, write_sheet
    from lineproof.errors import InputError

    require_png(out)
    dataset = open_dataset(folder)
    chosen = load_recipe(recipe)
    chosen = chosen if paste is None else chosen.model_copy(update={"paste": paste})
    preset = augment or chosen.augment
    augmentation = load_augmentation(preset)
    samples = bad_training_samples(dataset, n, seed)
    if not samples:
        raise InputError(f"{dataset.root}: no defect in split 'train'", hint="make one with `lineproof data split`")
    views = sample_views(dataset, chosen.imgsz, seed=seed)
    seen = measure(views, dataset.classes, augmentation, chosen.imgsz, seed=seed, progress=tracked)
    sheet = draw_augmentation(
        dataset, samples, augmentation, chosen, paste=chosen.paste > 0, seed=seed, progress=tracked
    )
    write_sheet(out, sheet)
    names = [dataset.name_of(sample) for sample in samples]
    facts = {"sheet": str(out), "augment": preset, "images": names, **seen.as_dict()}
    emit(facts, f"{_table(preset, seen)}\n{len(names)} images: {out}", as_json=as_json)
    if seen.refusals:
        raise typer.Exit(1)


def _table(preset: str, seen: Visibility) -> str:
    """One line for each class, one for each transform and the class it hides most, then the verdict."""
    lines = [f"{'class':<20}{'defects':>8}{'area px²':>10}{'side px':>9}{'CNR':>7}   at {seen.imgsz} px"]
    lines += [
        f"{size.class_name:<20}{size.defects:>8}{size.area_px:>10.0f}{size.short_side_px:>9.1f}{size.cnr:>7.2f}"
        for size in seen.sizes
    ]
    lines.append(f"\n{'transform':<26}{'kept':>6}{'lowest':>8}{'lost':>7}   most affected class")
    for name in dict.fromkeys(row.transform for row in seen.figures):
        row = min((row for row in seen.figures if row.transform == name), key=lambda row: row.median)
        lines.append(f"{name:<26}{row.median:>6.0%}{row.lowest:>8.0%}{row.lost:>7.1%}   {row.class_name}")
    lines += [f"refused: {refusal}" for refusal in seen.refusals] or [f"{preset}: defects stay visible"]
    return "\n".join(lines)
