"""CLIP through the whole export, with weights that the tests make: nothing is downloaded here."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from django.core.management import CommandError, call_command
from PIL import Image

from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.bundle import file_sha256, load_bundle
from implants.encoders.export import tower, weights
from implants.encoders.export.graph import PARITY, ParityError, check_parity, graph_runner
from implants.encoders.preprocessing import prepare
from implants.encoders.session import EncoderSession

TINY = "tiny-clip"
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
FACTS: dict[str, Any] = {
    "activation": "QuickGELU",
    "mean": OPENAI_MEAN,
    "std": OPENAI_STD,
    "interpolation": "bicubic",
    "licence": "none: random",
}
Weights = dict[str, torch.Tensor]


@cache
def film(system: int) -> Image.Image:
    return Image.fromarray(render_film(DEMO_SYSTEMS[system], VIEWS[0], query=True).image)


def export(model: str, checkpoint: object, folder: Path, **options: Any) -> Path:
    call_command(
        "export_encoder", model=model, pretrained=str(checkpoint), folder=folder, **options
    )
    return folder


def description(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "encoder.json").read_text())
    return values


class Reference(torch.nn.Module):
    """open_clip's own `encode_image`, as it is."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.model.encode_image(image, normalize=True)


def strong(model: torch.nn.Module) -> torch.nn.Module:
    """Larger weights than an untrained model has: as they are, both GELUs do nearly the same."""
    with torch.no_grad():
        for name, value in model.visual.named_parameters():
            if value.ndim > 1 and "resblocks" in name:
                value.mul_(3)
    return model.eval()


def save(model: torch.nn.Module, path: Path) -> Path:
    torch.save({f"visual.{k}": v for k, v in model.visual.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def vit() -> torch.nn.Module:
    torch.manual_seed(1)
    return strong(open_clip.create_model("ViT-B-32-quickgelu", load_weights=False))


@pytest.fixture(scope="module")
def vit_checkpoint(
    vit: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    path = save(vit, tmp_path_factory.mktemp("vit") / "vit.pt")
    yield path
    path.unlink()


def inputs(folder: Path) -> np.ndarray:
    """Rendered films as the bundle in `folder` prepares them."""
    steps = load_bundle(folder).preprocessing
    return np.concatenate([prepare(film(number), steps) for number in range(4)])


def test_vit_b_32_goes_through_the_export_and_says_what_open_clip_says(
    vit: torch.nn.Module, vit_checkpoint: Path, tmp_path: Path
) -> None:
    folder = export("ViT-B-32", vit_checkpoint, tmp_path / "vit", **FACTS)
    assert check_parity(Reference(vit), folder / "encoder.onnx", inputs(folder)) > PARITY
    bundle = load_bundle(folder)
    assert bundle.preprocessing.size == 224
    assert bundle.source["activation"] == "QuickGELU"
    assert EncoderSession(bundle).encode(film(0)).shape == (512,)
    for file in folder.iterdir():
        file.unlink()  # 350 MB, which pytest would keep


def test_vit_b_32_with_the_other_activation_is_not_what_open_clip_says(
    vit: torch.nn.Module, vit_checkpoint: Path, tmp_path: Path
) -> None:
    """The mix-up that open_clip lets pass: the same file, built with plain GELU."""
    folder = export("ViT-B-32", vit_checkpoint, tmp_path / "vit", **{**FACTS, "activation": "GELU"})
    tensors = inputs(folder)
    mixed_up = graph_runner(folder / "encoder.onnx")(tensors)
    with torch.inference_mode():
        right = Reference(vit)(torch.from_numpy(tensors)).numpy()
    assert (mixed_up * right).sum(axis=1).max() < PARITY
    with pytest.raises(ParityError):
        check_parity(Reference(vit), folder / "encoder.onnx", tensors)
    for file in folder.iterdir():
        file.unlink()


# A small image tower for all that doesn't depend on the size.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weights]:
    """open_clip's configuration of a tiny CLIP, and weights for its image tower."""
    folder = tmp_path_factory.mktemp("configs")
    vision = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32}
    text = {"context_length": 8, "vocab_size": 32, "width": 32, "heads": 1, "layers": 1}
    config = {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}
    (folder / f"{TINY}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / f"{TINY}.json")
    torch.manual_seed(2)
    model = strong(open_clip.create_model(TINY, force_quick_gelu=True, load_weights=False))
    yield {f"visual.{name}": value for name, value in model.visual.state_dict().items()}


@pytest.fixture
def checkpoint(tiny: Weights, tmp_path: Path) -> Path:
    torch.save(tiny, tmp_path / "tiny.pt")
    return tmp_path / "tiny.pt"


@pytest.fixture
def published(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """open_clip's table with the tiny weights as tag `openai`, as OpenAI publishes its own."""
    url = f"https://openaipublic.azureedge.net/clip/models/{file_sha256(checkpoint)}/tiny.pt"
    tag = {
        "url": url,
        "hf_hub": "timm/tiny/",
        "mean": OPENAI_MEAN,
        "std": OPENAI_STD,
        "interpolation": "bicubic",
        "quick_gelu": True,
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, TINY, {"openai": tag})
    return tag


@pytest.fixture
def downloads(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was asked for; the answer is always the tiny checkpoint."""
    asked: list[dict[str, str]] = []

    def download(place: dict[str, str]) -> str:
        asked.append(place)
        return place.get("file", str(checkpoint))

    monkeypatch.setattr(weights, "download_pretrained", download)
    return asked


def test_bundle_says_where_it_comes_from(checkpoint: Path, tmp_path: Path) -> None:
    folder = export(TINY, checkpoint, tmp_path / "bundle", name="mine", **FACTS)
    values = description(folder)
    assert (values["name"], values["dimensions"], values["licence"]) == (
        "mine",
        512,
        "none: random",
    )
    assert values["source"] == {
        "model": f"{TINY} (open_clip {open_clip.__version__}), image tower",
        "weights": "tiny",
        "weights_from": "local file",
        "weights_sha256": file_sha256(checkpoint),
        "sha256_published": None,
        "activation": "QuickGELU",
    }
    assert set(values["exported_with"]) >= {"torch", "onnx", "open_clip", "onnxruntime"}
    assert values["exported_with"]["torch"] == torch.__version__
    assert values["preprocessing"]["size"] == 32
    assert tuple(values["preprocessing"]["mean"]) == OPENAI_MEAN
    assert tuple(values["preprocessing"]["std"]) == OPENAI_STD
    load_bundle(folder).check_graph()
    for file in folder.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes()


def test_bundle_takes_any_number_of_images(checkpoint: Path, tmp_path: Path) -> None:
    session = EncoderSession(load_bundle(export(TINY, checkpoint, tmp_path / "b", **FACTS)))
    films = [(film(number), None) for number in range(3)]
    single = np.stack([session.encode(*each) for each in films])
    assert (session.encode_batch(films) * single).sum(axis=1).min() > 0.99999


def test_bundle_goes_into_the_folder_of_its_name(
    checkpoint: Path, tmp_path: Path, settings: Any
) -> None:
    settings.VAR_DIR = tmp_path
    call_command("export_encoder", model=TINY, pretrained=str(checkpoint), **FACTS)
    assert load_bundle(tmp_path / "encoders" / "clip-tiny-clip-tiny").name == "clip-tiny-clip-tiny"


def test_published_file_is_known_by_its_sha256(
    checkpoint: Path, published: dict[str, Any], tmp_path: Path
) -> None:
    folder = export(TINY, checkpoint, tmp_path / "bundle")
    values = description(folder)
    assert values["name"] == "clip-tiny-clip-openai"
    assert values["licence"] == "MIT"
    assert values["source"]["activation"] == "QuickGELU"
    assert values["source"]["sha256_published"] == file_sha256(checkpoint)
    assert values["preprocessing"]["interpolation"] == "bicubic"
    with pytest.raises(CommandError, match="--activation GELU is not what"):
        export(TINY, checkpoint, tmp_path / "other", activation="GELU")


def test_unknown_file_must_be_described(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--activation, --mean, --std, --interpolation, --lic"):
        export(TINY, checkpoint, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_tag_is_downloaded_from_the_url_that_can_be_checked(
    published: dict[str, Any], downloads: list[dict[str, str]], tmp_path: Path
) -> None:
    folder = export(TINY, "openai", tmp_path / "bundle")
    assert downloads == [{"url": published["url"]}]
    assert description(folder)["source"]["weights_from"] == published["url"]


def test_tag_is_downloaded_from_the_hub_on_request(
    published: dict[str, Any], downloads: list[dict[str, str]], tmp_path: Path
) -> None:
    folder = export(TINY, "openai", tmp_path / "bundle", hub=True)
    assert downloads == [{"hf_hub": "timm/tiny/"}]
    assert description(folder)["source"]["sha256_published"] is None


@pytest.mark.parametrize("where", ["url", "hub"])
def test_file_of_another_sha256_than_published_is_refused(
    where: str,
    tiny: Weights,
    published: dict[str, Any],
    downloads: list[dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The hub's cache names a file by its SHA-256, a URL of OpenAI's carries it."""
    other = tmp_path / ("0" * 64)
    torch.save({name: value + 1 for name, value in tiny.items()}, other)
    monkeypatch.setattr(weights, "download_pretrained", lambda place: str(other))
    with pytest.raises(CommandError, match="not the published one"):
        export(TINY, "openai", tmp_path / "bundle", hub=where == "hub")
    assert not (tmp_path / "bundle").exists()


def test_tag_without_internet_names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real download: the tests' own guard lets nobody out of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CommandError, match=r"could not be downloaded .*--pretrained PATH"):
        export("ViT-B-32", "openai", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("model", "pretrained", "said"),
    [
        ("RN50", "openai", r"RN50 makes 1024 numbers and Raiox keeps 512"),
        ("ViT-L-14", "openai", r"makes 768 numbers"),
        ("ViT-Z", "openai", r"knows no model “ViT-Z”"),
        ("ViT-B-32", "opnai", r"neither a file nor a tag of ViT-B-32\. Its tags: openai, laion"),
        ("ViT-B-32", "metaclip_400m", r"--licence: not published"),
    ],
)
def test_what_can_be_refused_is_refused_before_the_download(
    model: str, pretrained: str, said: str, downloads: list[dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=said):
        export(model, pretrained, tmp_path / "bundle")
    assert downloads == []


@pytest.mark.parametrize(
    ("model", "tag", "digits"),
    [
        # pragma: allowlist nextline secret
        ("ViT-B-32", "openai", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
        ("ViT-B-32", "laion400m_e32", "46683a32"),
        ("ViT-B-32", "metaclip_400m", ""),
        ("ViT-B-32", "laion2b_s34b_b79k", ""),
    ],
)
def test_published_sha256_is_what_the_url_carries(model: str, tag: str, digits: str) -> None:
    place = open_clip.pretrained.get_pretrained_cfg(model, tag)
    assert weights.published_sha256(place) == digits


def test_every_openai_and_release_url_of_open_clip_carries_a_sha256() -> None:
    for tags in open_clip.pretrained._PRETRAINED.values():
        for tag in tags.values():
            if "openaipublic" in tag["url"] or "mlfoundations" in tag["url"]:
                assert weights.published_sha256(tag), tag["url"]


def lack(state: Weights) -> None:
    del state["visual.transformer.resblocks.1.mlp.c_fc.bias"]


def add(state: Weights) -> None:
    state["visual.extra"] = torch.zeros(1)


def reshape(state: Weights) -> None:
    state["visual.proj"] = torch.zeros(64, 256)


def drop_images(state: Weights) -> None:
    for name in list(state):
        state[name.replace("visual.", "text.")] = state.pop(name)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lack, r"1 missing \(transformer\.resblocks\.1\.mlp\.c_fc\.bias\)"),
        (add, r"1 unknown \(extra\)"),
        (reshape, r"1 of another shape \(proj\)"),
        (drop_images, "has no image tower"),
    ],
)
def test_checkpoint_that_does_not_fit_is_refused_and_the_older_bundle_stays(
    damage: Callable[[Weights], None], said: str, tiny: Weights, checkpoint: Path, tmp_path: Path
) -> None:
    folder = export(TINY, checkpoint, tmp_path / "bundle", **FACTS)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    state = dict(tiny)
    damage(state)
    torch.save(state, tmp_path / "damaged.pt")
    with pytest.raises(CommandError, match=said):
        export(TINY, tmp_path / "damaged.pt", folder, **FACTS)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(CommandError, match=r"bad\.pt is not a checkpoint"):
        export(TINY, tmp_path / "bad.pt", tmp_path / "bundle", **FACTS)


def as_training_checkpoint(state: Weights, path: Path) -> None:
    torch.save({"epoch": 1, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)


def as_openai_publishes(state: Weights, path: Path) -> None:
    """A TorchScript archive in half precision, with three numbers of its own."""
    archive = torch.nn.Module()
    for name in ("input_resolution", "context_length", "vocab_size"):
        archive.register_buffer(name, torch.tensor(1))
    for name, value in state.items():
        *parents, last = name.split(".")
        owner = archive
        for parent in parents:
            if not hasattr(owner, parent):
                owner.add_module(parent, torch.nn.Module())
            owner = getattr(owner, parent)
        owner.register_buffer(last, value.half())
    torch.jit.script(archive).save(str(path))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("write", [as_training_checkpoint, as_openai_publishes])
def test_checkpoint_in_another_form_gives_the_same_encoder(
    write: Callable[[Weights, Path], None], tiny: Weights, checkpoint: Path, tmp_path: Path
) -> None:
    write(tiny, tmp_path / "other.pt")
    folders = [
        export(TINY, path, tmp_path / path.stem, **FACTS)
        for path in (checkpoint, tmp_path / "other.pt")
    ]
    one, other = (EncoderSession(load_bundle(folder)).encode(film(0)) for folder in folders)
    assert one @ other > 0.9999


def test_tower_that_open_clip_builds_with_the_wrong_activation_is_an_error(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build = tower._build_vision_tower
    monkeypatch.setattr(
        tower, "_build_vision_tower", lambda size, vision, quick: build(size, vision)
    )
    with pytest.raises(CommandError, match="need QuickGELU, but open_clip builds GELU"):
        export(TINY, checkpoint, tmp_path / "bundle", **FACTS)


def test_quickgelu_model_with_plain_gelu_is_an_error(vit_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="need GELU, but open_clip builds QuickGELU"):
        facts = {**FACTS, "activation": "GELU"}
        export("ViT-B-32-quickgelu", vit_checkpoint, tmp_path / "bundle", **facts)


def test_graph_that_disagrees_with_torch_is_not_written(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from implants.encoders.export import writing

    write_graph = writing.write_graph

    def with_other_weights(module: torch.nn.Module, size: int, path: Path) -> None:
        write_graph(module, size, path)
        with torch.no_grad():
            module.tower.proj.copy_(module.tower.proj.roll(1, dims=1))

    monkeypatch.setattr(writing, "write_graph", with_other_weights)
    with pytest.raises(CommandError, match="between ONNX Runtime and torch"):
        export(TINY, checkpoint, tmp_path / "bundle", **FACTS)
    assert not (tmp_path / "bundle").exists()
