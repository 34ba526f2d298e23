"""Look at a sealed bundle: is it whole, what is in it, and carry it as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineproof.cli.output import JsonFlag, emit

app = typer.Typer(name="bundle", help="Look at a sealed bundle: verify, show, pack, warm.", no_args_is_help=True)

BundleArgument = Annotated[Path, typer.Argument(help="bundle folder or packed .lpb file", show_default=False)]


@app.command()
def verify(
    bundle: BundleArgument,
    replay: Annotated[bool, typer.Option("--replay", help="also run the probes on this machine")] = False,
    provider: Annotated[str, typer.Option(help="with --replay: auto, cpu, openvino, cuda or tensorrt")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Check every byte of a bundle against the hashes it was sealed with.

    Example: `lineproof bundle verify runs/tiles/bundle --replay`
    """
    from lineproof.bundle.open import open_bundle

    sealed = open_bundle(bundle)
    facts: dict[str, object] = {
        "bundle": str(bundle),
        "name": sealed.manifest.name,
        "digest": sealed.digest,
        "files": len(sealed.manifest.files) + 2,
        "whole": True,
    }
    text = f"{bundle}: whole, {facts['files']} files, digest {sealed.digest}"
    if replay:
        from lineproof.engine.onnx_engine import OnnxEngine
        from lineproof.engine.probes import replay_probes

        engine = OnnxEngine.open(sealed, provider)
        report = replay_probes(engine, sealed)
        facts |= {
            "provider": engine.provider,
            "fallback": engine.fallback,
            "probes": report.probes,
            "max_score_difference": report.max_score_difference,
            "min_box_iou": report.min_box_iou,
        }
        text += f"\n{report.probes} probes agree on {engine.provider}"
        text += f" (largest score difference {report.max_score_difference:.4f})"
        text += f"\nnote: {engine.fallback}" if engine.fallback else ""
    emit(facts, text, as_json=as_json)


@app.command()
def show(bundle: BundleArgument, as_json: JsonFlag = False) -> None:
    """Print what a bundle says about itself, after checking that it is whole.

    Example: `lineproof bundle show runs/tiles/bundle`
    """
    from lineproof.bundle.describe import describe
    from lineproof.bundle.open import open_bundle

    sealed = open_bundle(bundle)
    facts = {"digest": sealed.digest, **sealed.manifest.model_dump(mode="json")}
    emit(facts, describe(sealed), as_json=as_json)


@app.command()
def pack(
    bundle: BundleArgument,
    out: Annotated[Path, typer.Option(help="the file to write, by custom NAME.lpb", show_default=False)],
    as_json: JsonFlag = False,
) -> None:
    """Write a bundle as one file; every verb takes it in place of the folder.

    Example: `lineproof bundle pack runs/tiles/bundle --out tiles.lpb`
    """
    from lineproof.bundle.open import open_bundle
    from lineproof.bundle.storage import read_files, write_packed

    sealed = open_bundle(bundle)
    write_packed(out, read_files(bundle))
    open_bundle(out)
    emit({"packed": str(out), "digest": sealed.digest}, f"{out}: digest {sealed.digest}", as_json=as_json)


@app.command()
def warm(
    bundle: BundleArgument,
    provider: Annotated[str, typer.Option(help="tensorrt, openvino or cuda: as the line asks for it")] = "tensorrt",
    max_batch: Annotated[int, typer.Option(min=1, help="images in one run, as `serve` asks for it")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Compile a bundle's engine for this machine ahead, replay its probes on it, and time the start that follows.

    Example: `lineproof bundle warm runs/tiles/bundle --provider tensorrt`
    """
    import time

    from lineproof.bundle.open import open_bundle
    from lineproof.engine.onnx_engine import OnnxEngine
    from lineproof.engine.probes import replay_probes

    sealed = open_bundle(bundle)
    seconds: list[float] = []
    notes: list[str] = []
    for _ in range(2):  # now, and as the line will start
        started = time.perf_counter()
        engine = OnnxEngine.open(sealed, provider, max_batch=max_batch)
        seconds.append(round(time.perf_counter() - started, 3))
        notes.append(engine.cache_note)
        report = replay_probes(engine, sealed)
        ran = {"provider": engine.provider, "precision": engine.precision, "fallback": engine.fallback}
        del engine  # the second must not share the device with the first
    facts: dict[str, object] = {
        "bundle": str(bundle),
        "digest": sealed.digest,
        **ran,
        "max_batch": max_batch,
        "cache": notes[0] or "this provider compiles nothing ahead",
        "cache_next": notes[1],
        "open_s": seconds[0],
        "next_open_s": seconds[1],
        "probes": report.probes,
    }
    text = f"{bundle}: {facts['cache']}, ready in {seconds[0]:.2f} s on {ran['provider']} ({ran['precision']})"
    text += f"\nthe next start opens it in {seconds[1]:.2f} s" + (f" ({notes[1]})" if notes[1] else "")
    text += f"\n{report.probes} probes agree" + (f"\nnote: {ran['fallback']}" if ran["fallback"] else "")
    emit(facts, text, as_json=as_json)
