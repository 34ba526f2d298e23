"""Figures that only put candidates in order: of the trained network itself, with nothing exported, proven or drawn."""

from __future__ import annotations

from ultralytics.nn.tasks import BaseModel

from lineproof.adapt.export import class_names, task_of
from lineproof.adapt.input_shape import input_wh_for
from lineproof.adapt.ladder.figures import SplitFigures
from lineproof.adapt.ladder.measure import figures_of
from lineproof.adapt.recipe import Recipe
from lineproof.adapt.sealing import SCORE_FLOOR
from lineproof.adapt.trained_model import TrainedModel
from lineproof.core.decode import read_image
from lineproof.core.threshold import Threshold
from lineproof.data.dataset import Dataset
from lineproof.data.subset import samples_of
from lineproof.engine.spec import EngineSpec
from lineproof.proof.evaluate import align_classes, evaluate
from lineproof.proof.thresholds import choose_thresholds
from lineproof.rules.judge import compile_limits
from lineproof.rules.tolerance import Rules


def measure_order(network: BaseModel, dataset: Dataset, recipe: Recipe) -> tuple[SplitFigures, dict[str, Threshold]]:
    """The validation images through the network, decided at the thresholds it would be sealed with, by class name.

    The same evaluator as for sealed bundles, and the same numbers within parity: an engine that sees anything else than
    its network is never sealed.
    """
    classes, task = class_names(network), task_of(network)
    samples = align_classes(samples_of(dataset, "val"), dataset.classes, classes)
    tiling = recipe.tiles.tiling if recipe.tiles else None
    input_wh = input_wh_for([sample.image_wh for sample in samples_of(dataset, "train")], recipe.imgsz, tiling)
    model = TrainedModel(network, EngineSpec(task, classes, input_wh, score_floor=SCORE_FLOOR, tiles=tiling))
    found = [model.detect(read_image(sample.image)) for sample in samples]
    thresholds = choose_thresholds([sample.truth for sample in samples], found, classes, SCORE_FLOOR)
    limits = compile_limits(Rules(), classes, thresholds, SCORE_FLOOR)
    scores = [thresholds[name].score for name in classes]
    return figures_of(evaluate(samples, found, classes, limits), samples, found, scores, task), thresholds
