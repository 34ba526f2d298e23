"""Must-show 1: end to end over the bare stock run, for every size, precision and peer that runs here.

python tests/benchmarks/engine_floor.py --detect RUN DATA --segment RUN DATA
    [--cases det640,det320,seg640,det640x384] [--int8 det640/cpu=MODEL.onnx] [--threads 1,2] [--rounds 30] [--calls 5]
    [--out tests/benchmarks/results] [--plots DIR]

RUN is a training run's folder, DATA its dataset: validation images make the frame. Exports are made here, into a folder
that is gone afterwards; `--int8` adds a model quantised by `lineproof export --precision int8 --colour colour` at that
case's size, for one provider (cpu, openvino): each has a layout of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineproof.adapt.export import export_onnx
from lineproof.adapt.network import read_safetensors
from lineproof.atomic import write_json
from lineproof.bench.contenders import OURS, STOCK_FLOOR, Contender, Subject, Threads, floors, lineproof, peers
from lineproof.bench.machine import cpu_flags, machine
from lineproof.bench.measure import FULL_HD, Report, export_stock, spec_json, thread_counts, typical_frame
from lineproof.bench.race import RaceSettings, run_race
from lineproof.bench.report import as_dict
from lineproof.bench.table import text
from lineproof.core.decode import read_image
from lineproof.data.dataset import open_dataset
from lineproof.data.subset import samples_of
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.spec import EngineSpec

SCORE_FLOOR = 0.05
FRAMES_TRIED = 16
INT8_ON = ("cpu", "openvino")
PEERS = ("plain", "ultralytics", "ultralytics-torch", "openvino", "opencv")
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """One model size; `square` names the size whose stock run is the floor, when it is another."""

    task: str
    wh: tuple[int, int]
    square: tuple[int, int] | None = None


CASES = {
    "det640": Case("detect", (640, 640)),
    "det320": Case("detect", (320, 320)),
    "seg640": Case("segment", (640, 640)),
    "det640x384": Case("detect", (640, 384), square=(640, 640)),
}

# Aims: case, row → ratio by threads.
AIMS: dict[tuple[str, str], dict[int, float]] = {
    ("det640", "lineproof, cpu"): {1: 0.93, 2: 0.90},
    ("det320", "lineproof, cpu"): {1: 0.94, 2: 0.93},
    ("seg640", "lineproof, cpu"): {1: 0.96, 2: 0.96},
    ("det640x384", "lineproof, cpu"): {1: 0.58, 2: 0.58},
    ("det640", "lineproof int8, cpu"): {1: 0.62, 2: 0.70},
    ("det640", "lineproof bf16, openvino"): {1: 0.57, 2: 0.53},
    ("det640", "lineproof int8, openvino"): {1: 0.50, 2: 0.48},
}


def main() -> None:
    """Every case in turn; one JSON file each."""
    asked = _arguments()
    sources: dict[str, tuple[Path, Path] | None] = {"detect": asked.detect, "segment": asked.segment}
    int8 = dict(pair.split("=", 1) for pair in asked.int8)
    settings = RaceSettings(rounds=asked.rounds, calls=asked.calls)
    for name in asked.cases.split(","):
        source = sources[CASES[name].task]
        if source is None:
            sys.stderr.write(f"{name}: left out, no --{CASES[name].task} RUN DATA\n")
            continue
        with tempfile.TemporaryDirectory(prefix="lineproof-floor-") as scratch:
            models = {
                provider: Path(int8[f"{name}/{provider}"]) for provider in INT8_ON if f"{name}/{provider}" in int8
            }
            report = measure_case(name, *source, models, asked.threads, settings, Path(scratch))
        aims = met(name, report)
        write_json(asked.out / f"engine_floor_{name}.json", as_dict(report) | {"aims": aims})
        sys.stdout.write(text(report, width=140) + "\n\n" + "\n".join(_words(aim) for aim in aims) + "\n\n")
        sys.stdout.flush()
        if asked.plots:
            from lineproof.bench.plot import draw

            asked.plots.mkdir(parents=True, exist_ok=True)
            draw(asked.plots / f"engine_floor_{name}.png", report)


def measure_case(
    name: str,
    run: Path,
    data: Path,
    int8: dict[str, Path],
    threads: tuple[int, ...],
    settings: RaceSettings,
    scratch: Path,
) -> Report:
    """Export, make the frame, race."""
    case = CASES[name]
    facts = machine()
    weights = run / "best.safetensors"
    subject, spec, frame = _subject(case, weights, data, scratch)
    square = None
    if case.square is not None:
        square = export_stock(weights, case.square, scratch / "square.onnx")
    races = tuple(
        run_race(_field(subject, spec, count, case, square, int8), count.count, settings)
        for count in thread_counts(threads)
    )
    about: dict[str, object] = {
        "name": name,
        "digest": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "task": case.task,
        "classes": len(spec.classes),
        "input_wh": list(case.wh),
        "precision": "fp32",
    }
    return Report(about, frame, races, settings, machine=facts)


def _subject(case: Case, weights: Path, data: Path, scratch: Path) -> tuple[Subject, EngineSpec, dict[str, object]]:
    exported = export_onnx(read_safetensors(weights).network(), case.wh)
    spec = exported.spec(SCORE_FLOOR)
    model, frame = scratch / "model.onnx", scratch / "frame.npy"
    model.write_bytes(exported.onnx)
    samples = samples_of(open_dataset(data), "val")[:FRAMES_TRIED]
    engine = OnnxEngine.from_model(exported.onnx, spec, "cpu", threads=1)
    pixels, index = typical_frame(engine, [read_image(sample.image) for sample in samples], FULL_HD)
    np.save(frame, pixels)
    stock = export_stock(weights, case.wh, scratch / "stock.onnx")
    subject = Subject(None, model, spec_json(spec), case.task, frame, stock, weights=weights)
    return subject, spec, {"wh": list(FULL_HD), "from": f"{samples[index].image.name}, side by side"}


def _field(
    subject: Subject, spec: EngineSpec, threads: Threads, case: Case, square: Path | None, int8: dict[str, Path]
) -> list[Contender]:
    """Everybody, the floor first."""
    ours = lineproof(subject, threads, "cpu")
    spinning = lineproof(subject, threads, "cpu", spin=True)
    field = [*floors(subject, threads), ours]
    if threads.count > 1:
        field.append(replace(spinning, name=f"{spinning.name}, spinning"))
    field.append(lineproof(subject, threads, "openvino"))
    if "avx512_bf16" in cpu_flags() or "amx_bf16" in cpu_flags():
        field += _of_precision(subject, spec, threads, "bf16", ("openvino",), subject.model)
    for provider, model in int8.items():
        field += _of_precision(subject, spec, threads, "int8", (provider,), model)
    for peer in PEERS:
        field += peers(subject, threads, peer)
    if square is None or case.square is None:
        return field
    name = f"{STOCK_FLOOR} {case.square[0]}×{case.square[1]}"
    floor = replace(field[0], name=name, floor=name, job=replace(field[0].job, model=str(square)))
    return [floor, *(replace(contender, floor=name) for contender in field)]


def _of_precision(
    subject: Subject, spec: EngineSpec, threads: Threads, precision: str, providers: tuple[str, ...], model: Path
) -> list[Contender]:
    """Bare and end to end, in another precision."""
    other = replace(
        subject, model=model, spec=spec_json(replace(spec, precision=precision)), precision=precision, stock=None
    )
    found = []
    for provider in providers:
        job = replace(floors(other, threads)[0].job, provider=provider, precision=precision)
        found.append(Contender(f"bare run {precision}, {provider}", "floor", OURS, job, STOCK_FLOOR))
        end_to_end = lineproof(other, threads, provider)
        found.append(replace(end_to_end, name=f"lineproof {precision}, {provider}", floor=STOCK_FLOOR))
    return found


def met(name: str, report: Report) -> list[dict[str, object]]:
    """Every aim beside what was measured."""
    found: list[dict[str, object]] = []
    for race in report.races:
        for row in race.rows:
            aim = AIMS.get((name, row.name.removesuffix(", spinning")), {}).get(race.threads)
            if aim is not None:
                ratio = None if row.ratio is None else round(row.ratio.median, 3)
                facts = {"row": row.name, "threads": race.threads, "aim": aim, "ratio": ratio}
                found.append(facts | {"met": ratio is not None and ratio <= aim})
    return found


def _words(aim: dict[str, object]) -> str:
    verdict = "met" if aim["met"] else "NOT met"
    return f"{aim['row']}, {aim['threads']} thread(s): {aim['ratio']} of the floor, aim {aim['aim']}: {verdict}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detect", nargs=2, type=Path, metavar=("RUN", "DATA"))
    parser.add_argument("--segment", nargs=2, type=Path, metavar=("RUN", "DATA"))
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--int8", action="append", default=[], metavar="CASE/PROVIDER=MODEL")
    parser.add_argument("--threads", type=lambda words: tuple(int(word) for word in words.split(",")), default=())
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--plots", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
