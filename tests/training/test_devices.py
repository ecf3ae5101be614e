import pytest
import torch

from surrogate_hpo.errors import EngineError
from surrogate_hpo.run.devices import device_name


def test_without_use_gpu_it_is_the_cpu():
    assert device_name(use_gpu=False) == "cpu"


def test_a_gpu_that_is_not_there_is_refused_with_what_torch_sees(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(
        EngineError, match=r"(?s)no CUDA device.*CUDA_VISIBLE_DEVICES=3.*use_gpu: false"
    ):
        device_name(use_gpu=True)


def test_a_gpu_that_is_there_is_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_name(use_gpu=True) == "cuda"
