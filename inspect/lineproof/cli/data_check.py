"""`lineproof data check`, `split`, `show`, `stats` and `synth`: what a dataset is worth, and what it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineproof.cli.output import JsonFlag, emit, tracked

if TYPE_CHECKING:
    from lineproof.data.audit.mend import Mended
    from lineproof.data.audit.report import AuditReport

Folder = Annotated[Path, typer.Argument(help="a dataset folder", metavar="DIR")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the dataset at --out")]


def check(
    folder: Folder,
    fix: Annotated[bool, typer.Option("--fix", help="write a corrected copy to --out")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="folder of the corrected copy")] = None,
    min_instances: Annotated[int, typer.Option(min=0, help="warn about classes with fewer instances")] = 10,
    twins: Annotated[
        bool, typer.Option("--twins/--no-twins", help="look for other shots of the same part, not only copies")
    ] = True,
    overwrite: Overwrite = False,
    as_json: JsonFlag = False,
) -> None:
    """Find everything that would poison training, by file and record; exit 1 when there is something.

    With --fix the exit code tells whether the corrected copy is fit for training.

    Example: `lineproof data check parts --fix --out parts-fixed`
    """
    from lineproof.data.audit import audit
    from lineproof.data.audit.mend import mend
    from lineproof.errors import InputError

    if fix != (out is not None):
        raise InputError("--fix and --out belong together", hint="lineproof data check DIR --fix --out COPY")
    audited = audit(folder, tracked, min_instances=min_instances, twins=twins)
    result, text = audited.report.as_dict(), audited.report.as_text()
    poisoned = audited.report.poisoned
    if out is not None:
        mended = mend(audited, out, overwrite=overwrite)
        again = audit(out, tracked, min_instances=min_instances, twins=twins).report
        result, text = result | {"fixed": _fixed_dict(mended, again)}, f"{text}\n\n{_fixed_text(mended, again)}"
        poisoned = again.poisoned
    emit(result, text, as_json=as_json)
    if poisoned:
        raise typer.Exit(1)


def split(
    folder: Folder,
    val: Annotated[float, typer.Option(help="share of the images for validation")] = 0.2,
    test: Annotated[float, typer.Option(help="share of the images for the final proof")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="another seed, another split")] = 0,
    group: Annotated[
        str,
        typer.Option(
            help="what never crosses a split: auto (known groups, joined where pictures show the same place), "
            "given (known groups), a CSV (image,group), or a pattern with one bracket"
        ),
    ] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Split into train, val and test by part, with every class and the good parts in each.

    Says how many held-out images a random split would have put beside a twin in training.

    Example: `lineproof data split parts --val 0.2 --test 0.2`
    """
    from lineproof.data.dataset import open_dataset
    from lineproof.data.split import SplitOptions, split_dataset
    from lineproof.data.split_report import report_dict, report_text

    report = split_dataset(open_dataset(folder), SplitOptions(val, test, seed, group), tracked)
    emit(report_dict(report), report_text(report), as_json=as_json)


def show(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", help="the picture, a .png file")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=400, help="number of images")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other images")] = 0,
    split: Annotated[str, typer.Option(help="train, val, test or all")] = "all",
    class_name: Annotated[str, typer.Option("--class", help="only images with this class")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Draw a contact sheet: images with their masks or boxes, good parts marked OK.

    Example: `lineproof data show parts --out parts.png --n 40 --class scratch`
    """
    from lineproof.data.choose import choose_samples
    from lineproof.data.dataset import open_dataset
    from lineproof.data.sheet import draw_sheet, require_png, write_sheet

    require_png(out)
    dataset = open_dataset(folder)
    samples = choose_samples(dataset, n, seed, split=split, class_name=class_name)
    of = " ".join(word for word in (class_name, "" if split == "all" else split) if word)
    title = f"{dataset.root.name}: {len(samples)} of {len(dataset.samples)} images{f' ({of})' if of else ''}"
    write_sheet(out, draw_sheet(dataset, samples, title))
    names = [dataset.name_of(sample) for sample in samples]
    emit({"sheet": str(out), "images": names}, f"{len(names)} images: {out}", as_json=as_json)


def stats(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", help="also plot into this .png file")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count classes, splits and groups; box sizes and areas; suggest an image size.

    Example: `lineproof data stats parts --out stats.png`
    """
    from lineproof.cli.output import require_extra
    from lineproof.data.dataset import open_dataset
    from lineproof.data.sheet import require_png
    from lineproof.data.stats import collect_stats, stats_dict, stats_text

    if out is not None:
        require_extra("proof", "matplotlib")
        require_png(out)
    dataset = open_dataset(folder)
    collected = collect_stats(dataset)
    result, text = stats_dict(collected), stats_text(collected)
    if out is not None:
        from lineproof.data.plot import write_plot

        write_plot(out, collected, f"{dataset.root.name}: {len(dataset.samples)} images")
        result, text = result | {"plot": str(out)}, f"{text}\n\nplot: {out}"
    emit(result, text, as_json=as_json)


def synth(
    out: Annotated[Path, typer.Option("--out", help="folder of the new dataset")],
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="number of parts")],
    settings: Annotated[Path | None, typer.Option(help="what to draw; default: the parts of the demo")] = None,
    seed: Annotated[int, typer.Option(min=0, help="the same seed draws the same parts")] = 0,
    image_format: Annotated[
        Literal["png", "jpg"], typer.Option("--image-format", help="png, or jpg of quality 95")
    ] = "png",
    overwrite: Overwrite = False,
    as_json: JsonFlag = False,
) -> None:
    """Draw parts with defects, with exact masks, and good parts.

    Example: `lineproof data synth --out parts -n 200 --seed 1`
    """
    from lineproof.data.synth import SynthSettings
    from lineproof.data.synth_dataset import demo_settings, write_synth_dataset
    from lineproof.settings import load_settings

    chosen = load_settings(settings or demo_settings(), SynthSettings)
    dataset = write_synth_dataset(
        out, chosen, n, seed, image_format=image_format, overwrite=overwrite, progress=tracked
    )
    counts, good = dataset.class_counts(), sum(sample.ok for sample in dataset.samples)
    result: dict[str, object] = {
        "dataset": str(dataset.root),
        "images": len(dataset.samples),
        "ok_images": good,
        "groups": len({sample.group for sample in dataset.samples}),
        "classes": counts,
        "content_hash": dataset.content_hash,
    }
    told = ", ".join(f"{number} {name}" for name, number in counts.items())
    emit(result, f"{len(dataset.samples)} images ({good} good parts): {told}\ndataset: {dataset.root}", as_json=as_json)


def _fixed_dict(mended: Mended, again: AuditReport) -> dict[str, object]:
    from collections import Counter

    return {
        "dataset": str(mended.dataset.root),
        "images": len(mended.dataset.samples),
        "changes": len(mended.changes),
        "changes_by_code": dict(Counter(change.code for change in mended.changes)),
        "ok": not again.poisoned,
        "remaining": {code: len(found) for code, found in again.by_code().items()},
    }


def _fixed_text(mended: Mended, again: AuditReport) -> str:
    from collections import Counter

    from lineproof.data.audit.mend import FIXES

    lines = [f"corrected copy: {mended.dataset.root}, {len(mended.dataset.samples)} images"]
    lines += [f"  {number:5} × {code}" for code, number in Counter(c.code for c in mended.changes).most_common()]
    lines.append(f"every change: {mended.dataset.root / FIXES}")
    lines.append("checked again: " + ("not fit for training" if again.poisoned else "fit for training"))
    return "\n".join(lines)
