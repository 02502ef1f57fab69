"""Model files: hashes, consent, damage."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from LymphNodeSegLib.errors import InputError
from LymphNodeSegLib.network import eru_net
from LymphNodeSegLib.network.eru_net import EruNet, for_inference
from LymphNodeSegLib.network.fusion import Preprocessing
from LymphNodeSegLib.network.model_file import listed_models, load_model, save_model

CARD: dict[str, Any] = {
    "name": "small",
    "notice": "For tests.",
    "preprocessing": Preprocessing(pixel_mm=1.0).as_dict(),
    "temperature": 1.5,
    "stride": 4,
    "training": {},
    "scores": {},
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one listed model."""
    torch.manual_seed(0)
    sha256 = save_model(for_inference(EruNet(7, width=8, depth=3)), CARD, tmp_path / "small.pt")
    entry = {"name": "small", "file": "small.pt", "sha256": sha256, "card": "C.md", "notice": "For tests."}
    (tmp_path / "models.json").write_text(json.dumps({"models": [entry]}))
    return tmp_path


def test_a_model_comes_back_with_its_card_and_weights(models: Path) -> None:
    torch.manual_seed(0)
    original = for_inference(EruNet(7, width=8, depth=3))
    model = load_model("small", folder=models)
    assert (model.name, model.notice, model.stride, model.temperature) == ("small", "For tests.", 4, 1.5)
    assert model.preprocessing == Preprocessing(pixel_mm=1.0)
    inputs = torch.randn(1, 7, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(inputs), original(inputs), atol=5e-3, rtol=5e-3)
    assert load_model("", folder=models).sha256 == model.sha256


def test_weights_take_less_than_two_bytes_each(tmp_path: Path) -> None:
    network = for_inference(EruNet(7, width=16, depth=4))
    save_model(network, CARD, tmp_path / "one.pt")
    count = sum(one.numel() for one in network.parameters())
    assert (tmp_path / "one.pt").stat().st_size < 1.7 * count


def test_weights_keep_eight_bits_and_offsets_all_that_fp16_has(models: Path) -> None:
    torch.manual_seed(0)
    original = for_inference(EruNet(7, width=8, depth=3))
    read = load_model("small", folder=models).network.state_dict()
    for name, weight in original.named_parameters():
        rounded = 2.0**-11 + (2.0**-8 if weight.dim() > 1 else 0.0)
        torch.testing.assert_close(read[name], weight.data, rtol=rounded, atol=1e-6)


def test_a_model_tells_no_folder_of_who_made_it(models: Path) -> None:
    code = Path(eru_net.__file__).parents[2]
    for file in (models / "small.pt", *(one.path for one in listed_models())):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                assert not name.endswith(".debug_pkl")
                assert str(code).encode() not in archive.read(name)


def test_a_listed_file_that_was_changed_is_refused_before_it_is_loaded(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((models / "small.pt").read_bytes())
    content[-1] ^= 1
    (models / "small.pt").write_bytes(content)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("loaded"))
    for trust in (False, True):
        with pytest.raises(InputError, match="differs from the published"):
            load_model("small", trust_unlisted=trust, folder=models)


def test_an_unlisted_file_needs_consent(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = models / "mine.pt"
    save_model(for_inference(EruNet(7, width=8, depth=3)), {**CARD, "name": "mine"}, other)
    with monkeypatch.context() as patch:
        patch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("loaded"))
        with pytest.raises(InputError, match="--trust-model"):
            load_model(str(other), folder=models)
    assert load_model(str(other), trust_unlisted=True, folder=models).name == "mine"


def test_a_listed_file_may_be_given_by_path(models: Path) -> None:
    assert load_model(str(models / "small.pt"), folder=models).name == "small"


def test_damaged_files_are_one_line(models: Path) -> None:
    whole = (models / "small.pt").read_bytes()
    (models / "half.pt").write_bytes(whole[: len(whole) // 2])
    (models / "text.pt").write_text("no network")
    (models / "empty.pt").write_bytes(b"")
    torch.save({"weights": torch.zeros(3)}, models / "weights.pt")
    for name in ("half.pt", "text.pt", "empty.pt", "weights.pt"):
        with pytest.raises(InputError, match=r"damaged|TorchScript") as error:
            load_model(str(models / name), trust_unlisted=True, folder=models)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no model 'absent'"):
        load_model("absent", folder=models)


@pytest.mark.parametrize(
    "card", [None, {}, {**CARD, "preprocessing": {"fusion": "sum"}}, {**CARD, "temperature": "hot"}]
)
def test_a_file_without_a_usable_card_is_refused(models: Path, card: Any) -> None:
    path = models / "cardless.pt"
    scripted = torch.jit.script(EruNet(7, width=8, depth=3))
    torch.jit.save(scripted, str(path), _extra_files={} if card is None else {"model.json": json.dumps(card)})
    with pytest.raises(InputError):
        load_model(str(path), trust_unlisted=True, folder=models)


def test_the_list_of_models_is_read_without_torch() -> None:
    code = (
        "import sys; from LymphNodeSegLib.network.model_file import listed_models; listed_models();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_bundled_model_is_what_the_list_says() -> None:
    assert listed_models()
    for entry in listed_models():
        model = load_model(entry.name)
        assert model.notice == entry.notice
        assert entry.path.stat().st_size <= 10e6
        assert (entry.path.parent / entry.card).is_file()
