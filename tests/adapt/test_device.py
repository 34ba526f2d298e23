from __future__ import annotations

import pytest
import torch

from lineproof.adapt import device as module
from lineproof.adapt.device import choose_device, choose_precision
from lineproof.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_auto_is_the_cpu_where_there_is_no_gpu(no_gpu: None):
    assert choose_device("auto") == choose_device("cpu") == CPU


def test_auto_is_the_first_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("cuda") == choose_device("0") == torch.device("cuda:0")
    assert choose_device("1") == torch.device("cuda:1")
    with pytest.raises(InputError, match="this machine has 2 GPUs"):
        choose_device("2")


@pytest.mark.parametrize(
    ("asked", "words"),
    [("cuda", "no usable GPU"), ("3", "no usable GPU"), ("gpu", "no such device"), ("meta", "not supported")],
)
def test_a_device_that_is_not_there_is_one_line(no_gpu: None, asked: str, words: str):
    with pytest.raises(InputError, match=rf"--device {asked}: .*{words}"):
        choose_device(asked)


@pytest.mark.parametrize(
    ("asked", "native", "name"), [("auto", True, "bf16"), ("auto", False, "fp32"), ("fp32", True, "fp32")]
)
def test_bf16_is_used_where_it_is_native(asked: str, native: bool, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_computes_bf16", lambda _: native)
    precision = choose_precision(asked, CPU)
    assert precision.name == name
    with precision.autocast():
        assert torch.is_autocast_enabled("cpu") == (name == "bf16")


def test_bf16_that_would_be_emulated_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_computes_bf16", lambda _: False)
    with pytest.raises(InputError, match="does not compute it natively"):
        choose_precision("bf16", CPU)
