"""The verb: prepare the folder, tell the story, write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra


def demo(
    out: Annotated[Path, typer.Option(help="where everything is left; an earlier demo there is replaced")] = Path(
        "demo-out"
    ),
    parts: Annotated[int, typer.Option(min=60, help="how many parts are drawn")] = 320,
    epochs: Annotated[int | None, typer.Option(min=1, help="length of the training; default: the recipe's")] = None,
    seed: Annotated[int, typer.Option(help="another seed, other parts")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Import, check, adapt, prove, seal, run and serve – on parts drawn here, without a GPU and without internet.

    Example: `lineproof demo --out demo-out`
    """
    require_extra("train", "torch", "ultralytics", "albumentations")
    require_extra("proof", "scipy", "matplotlib", "jinja2", "faster_coco_eval")
    from lineproof.cli.demo.report import write_report
    from lineproof.cli.demo.story import tell

    told = tell(out, parts=parts, epochs=epochs, seed=seed)
    report = write_report(told)
    rates = told.evaluation
    facts: dict[str, object] = {
        "out": str(out),
        "report": str(report),
        "seconds": round(told.total_s, 1),
        "evaluation": rates,
        "line": told.line,
    }
    emit(facts, f"done in {told.total_s:.0f} s: open {report}", as_json=as_json)
