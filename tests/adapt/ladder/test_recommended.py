"""The recommendation as a file that `train` reads, the picture, and lines for people."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
from rich.console import Console

from adapt.ladder.scripted_trials import SPLIT_HASH, ScriptedRunner, Told, done, plan
from lineproof.adapt.ladder.ladder import compare
from lineproof.adapt.ladder.picture import draw_ladder
from lineproof.adapt.ladder.plan import Limits
from lineproof.adapt.ladder.ranking import Criterion
from lineproof.adapt.ladder.recommended import train_command, write_recommended
from lineproof.adapt.ladder.show import PlainShow, outcome
from lineproof.adapt.ladder.trial import failed
from lineproof.adapt.latency import Latency
from lineproof.adapt.recipe import load_recipe


def compared(out: Path):
    wanted = plan("a", "b", "c", seeds=(3, 4))
    runner = ScriptedRunner(lambda spec: {"a": 0.5, "b": 0.6, "c": 0.7}[spec.candidate.rung])
    result = compare(
        wanted, out, Criterion(None, SPLIT_HASH), Limits(), runner, Told(), lambda r: {k: Latency(6.0, 8.0) for k in r}
    )
    return wanted, result


def test_the_recommended_recipe_is_the_winners(tmp_path: Path):
    wanted, result = compared(tmp_path)
    path = write_recommended(tmp_path, wanted, result)
    best = result.best.candidate
    assert best.rung == "c"
    assert load_recipe(str(path)) == best.recipe.model_copy(update={"seed": 3})
    text = path.read_text()
    assert text.startswith("# c · yolov8n · 64 px: the best of 3 candidates, mAP50-95 0.7 on validation\n")
    assert shlex.split(train_command(tmp_path, wanted, result.best))[:3] == ["lineproof", "train", "/data"]


def test_what_was_not_trained_in_full_is_said_so_in_the_recipe(tmp_path: Path):
    wanted = plan(*"abcd")
    runner = ScriptedRunner(lambda _: 0.5, lambda spec: failed("x", "out of memory", again=True) if spec.last else None)
    criterion = Criterion(None, SPLIT_HASH)
    result = compare(wanted, tmp_path, criterion, Limits(), runner, Told(), lambda _: {})
    assert "# measured after 5 steps, not the whole\n" in write_recommended(tmp_path, wanted, result).read_text()
    draw_ladder(tmp_path / "ladder.png", result)  # nothing was clocked: axes alone
    assert (tmp_path / "ladder.png").is_file()


def test_the_picture_is_drawn(tmp_path: Path):
    _, result = compared(tmp_path)
    draw_ladder(tmp_path / "ladder.png", result, latency_ms=10)
    picture = cv2.imread(str(tmp_path / "ladder.png"))
    assert picture.shape[0] > 400
    assert picture.std() > 5


def test_plain_lines_tell_every_fifth_and_the_end(tmp_path: Path, capsys):
    show = PlainShow(Console(width=200))
    show.started("k", "full · yolov8n · 64 px")
    for done_epochs in range(1, 11):
        show.moved("k", {"done": done_epochs, "epochs": 10, "text": "box_loss 1"})
    show.moved("k", {"say": "exporting"})
    spec = plan("a").spec(tmp_path, "a-yolov8n-64", 0, 1, last=True)
    show.ended("k", done(spec, 0.8))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].split("  ")[0] for line in lines[1:-1]] == [f"epoch {n}/10" for n in (2, 4, 6, 8)]
    assert lines[-1].endswith("mAP50-95 0.800, escapes 4/20, overkill 4/20, 186 s")
    assert outcome(failed("k", "out of memory", again=True)) == "failed: out of memory"


def test_a_classifier_is_recommended_by_command_alone(tmp_path: Path):
    wanted, result = compared(tmp_path)
    write_recommended(tmp_path, wanted, result)
    best = result.best
    best.candidate = best.candidate.model_copy(update={"task": "classify", "rung": "features"})
    assert write_recommended(tmp_path, wanted, result) is None
    assert not (tmp_path / "recommended.yaml").exists()
    command = train_command(tmp_path, wanted, best)
    assert command.endswith("--base yolov8n --task classify --imgsz 64")
    assert "--recipe" not in command
    assert best.candidate.length(0.25) == "one fit"
