"""May the line decode JPEGs smaller? The validation images decide, through the runtime engine."""

from __future__ import annotations

from collections.abc import Sequence

from lineproof.adapt.progress import TrainProgress
from lineproof.bundle.reduced_decoding import MIN_IMAGES, ReducedDecoding
from lineproof.core import Detections, Sample
from lineproof.core.decode import REDUCTIONS, Reduce, decode_reduced, is_jpeg
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.engine.reducing import reduce_for
from lineproof.proof.average_precision import known_figure
from lineproof.proof.evaluate import evaluate
from lineproof.rules.judge import Limit


def measure_reduced_decoding(
    engine: OnnxEngine,
    samples: Sequence[Sample],
    found: Sequence[Detections],
    limits: tuple[Limit, ...],
    progress: TrainProgress,
) -> tuple[ReducedDecoding, ...]:
    """Every reduction that enough of the images allow, beside what the engine `found` on them decoded in full.

    One is allowed when no decision changes, whatever a lower precision was granted: nobody has asked for it.
    Nothing is measured, and nothing read, for masks (they stay at the frame's resolution), dynamic inputs and tiles.
    """
    spec = engine.spec
    if spec.task != "detect" or spec.dynamic or spec.tiles is not None:
        return ()
    rows: list[ReducedDecoding] = []
    for times in REDUCTIONS:
        reduce = reduce_for(spec.input_wh, (times,))
        chosen = [index for index, sample in enumerate(samples) if _qualifies(sample, reduce)]
        if len(chosen) >= MIN_IMAGES:
            progress.say(f"decoding {len(chosen)} JPEGs at 1/{times}")
            few, full = [samples[index] for index in chosen], [found[index] for index in chosen]
            rows.append(_measured(engine, few, full, limits, times))
    return tuple(rows)


def _qualifies(sample: Sample, reduce: Reduce) -> bool:
    """Whether it is a JPEG that stays as large as the model's input; small ones are not even opened."""
    if reduce(sample.image_wh) == 1:
        return False
    with sample.image.open("rb") as file:
        return is_jpeg(file.read(3))


def _measured(
    engine: OnnxEngine,
    samples: Sequence[Sample],
    full: Sequence[Detections],
    limits: tuple[Limit, ...],
    times: int,
) -> ReducedDecoding:
    reduce = reduce_for(engine.spec.input_wh, (times,))
    before = evaluate(samples, full, engine.classes, limits)
    after = evaluate(samples, [_detected(engine, sample, reduce) for sample in samples], engine.classes, limits)
    flips = sum(one is not other for one, other in zip(before.decisions, after.decisions, strict=True))
    return ReducedDecoding.model_validate(
        {
            "reduction": times,
            "images": len(samples),
            "decision_flips": flips,
            "map50_full": known_figure(before.boxes.ap50),
            "map50_reduced": known_figure(after.boxes.ap50),
            "allowed": flips == 0,
        }
    )


def _detected(engine: OnnxEngine, sample: Sample, reduce: Reduce) -> Detections:
    image, times = decode_reduced(sample.image.read_bytes(), str(sample.image), reduce)
    return engine.detect(image)[0].magnify(times)
