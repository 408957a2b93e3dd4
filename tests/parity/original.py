"""The original LLaVA code's arithmetic, rebuilt on torch and transformers' parts.

For checkpoints in its own layout, which transformers can't read. Written after
`llava_arch.py` and `mm_utils.py` of haotian-liu/LLaVA and LLaVA-VL/LLaVA-NeXT, and independently of
`model`: canvases are (width, height) here, as there.
"""

import ast
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from model.image_processor import PictureOrClip
from tests.parity.reference import torch

VIP = "clip_4layers_336"
TOWER = "model.vision_tower.vision_tower.vision_model."
KINDS = {
    "LlavaLlamaForCausalLM": "llama",
    "LlavaMistralForCausalLM": "mistral",
    "LlavaQwenForCausalLM": "qwen2",
}


class OriginalReference:
    """Answers as `Reference` does; several pictures are padded where Qwen is the language model."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        tensors = _tensors(folder)
        self.newline = tensors.pop("model.image_newline", None)
        self.kind = KINDS[self.config["architectures"][0]]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.tower, self.processor = _tower(folder / self.config["mm_vision_tower"], tensors)
        self.projector = _projector(self.config, tensors)
        self.language = _language(self.config, self.kind, tensors)

    def logits(self, prompt: str, images: Sequence[PictureOrClip]) -> NDArray[np.float32]:
        """`[tokens, vocab]`"""
        logits: NDArray[np.float32] = self._logits(self._embeddings(prompt, images)).numpy()
        return logits

    def greedy(self, prompt: str, images: Sequence[PictureOrClip], tokens: int) -> list[int]:
        """The continuation's token ids."""
        embeddings, written = self._embeddings(prompt, images), []
        for _ in range(tokens):
            written.append(int(self._logits(embeddings)[-1].argmax()))
            embeddings = torch.cat([embeddings, self._words(written[-1:])])
        return written

    def _logits(self, embeddings: Any) -> Any:
        with torch.no_grad():
            return self.language(inputs_embeds=embeddings[None]).logits[0]

    def _words(self, ids: list[int]) -> Any:
        return self.language.get_input_embeddings()(torch.tensor(ids, dtype=torch.long)).detach()

    def _embeddings(self, prompt: str, images: Sequence[PictureOrClip]) -> Any:
        pictures = [image for image in images if isinstance(image, Image.Image)]
        several = self.kind == "qwen2" and len(pictures) > 1
        visual = [
            self._visual(image.convert("RGB"), several)
            if isinstance(image, Image.Image)
            else self._clip(image)
            for image in images
        ]
        pieces = [self.tokenizer(piece)["input_ids"] for piece in prompt.split("<image>")]
        rows = [self._words(pieces[0])]
        for features, piece in zip(visual, pieces[1:], strict=True):
            rows += [features, self._words(piece[1:])]  # without its beginning-of-text
        return torch.cat(rows)

    def _visual(self, image: Image.Image, several: bool) -> Any:
        aspect = "pad" if several else self.config.get("image_aspect_ratio") or "square"
        tiles = self._tiles(image, aspect)
        pixels = np.stack(
            [self.processor(one, return_tensors="np")["pixel_values"][0] for one in tiles]
        )
        with torch.no_grad():
            features = self.projector(self._selected(torch.from_numpy(pixels)))
        unpad = "unpad" in self.config.get("mm_patch_merge_type", "flat")
        if len(tiles) == 1 or not unpad:
            features = features.flatten(0, 1)
            return torch.cat([features, self.newline[None]]) if unpad else features
        return self._packed(features, image.size, aspect)

    def _clip(self, frames: Sequence[Image.Image]) -> Any:
        """Bilinear, stride 2, one newline at the end."""
        pixels = np.stack(
            [self.processor(one, return_tensors="np")["pixel_values"][0] for one in frames]
        )
        with torch.no_grad():
            features = self.projector(self._selected(torch.from_numpy(pixels)))
        side = self.tower.config.image_size // self.tower.config.patch_size
        grid = features.view(len(frames), side, side, -1).permute(0, 3, 1, 2)
        shape = [math.ceil(side / 2)] * 2
        pooled = torch.nn.functional.interpolate(grid, shape, mode="bilinear").permute(0, 2, 3, 1)
        return torch.cat([pooled.flatten(0, 2), self.newline[None]])

    def _selected(self, pixels: Any) -> Any:
        states = self.tower(pixels, output_hidden_states=True).hidden_states
        if isinstance(self.tower, SiglipVisionModel):
            return states[-1]
        if self.config["mm_vision_tower"] == VIP:
            return torch.cat([states[layer][:, 1:] for layer in (-2, -5, -8, -11, 6)], dim=-1)
        first = self.config.get("mm_vision_select_feature", "patch") == "patch"
        return states[self.config["mm_vision_select_layer"]][:, int(first) :]

    def _tiles(self, image: Image.Image, aspect: str) -> list[Image.Image]:
        side = self.tower.config.image_size
        if aspect == "pad":
            return [_squared(image, tuple(int(x * 255) for x in self.processor.image_mean))]
        if not aspect.startswith("anyres"):
            return [image]
        width, height = _best(image.size, self._canvases())
        canvas = _fitted(image, width, height)
        corners = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
        cut = [canvas.crop((x, y, x + side, y + side)) for x, y in corners]
        return [image.resize((side, side)), *cut]

    def _canvases(self) -> list[tuple[int, int]]:
        written, side = self.config["image_grid_pinpoints"], self.tower.config.image_size
        if isinstance(written, str) and "x" in written:
            found = re.findall(r"\((\d+)x(\d+)\)", written)
            (a, b), (c, d) = (tuple(map(int, end)) for end in (found[0], found[-1]))
            return [(i * side, j * side) for i in range(a, c + 1) for j in range(b, d + 1)]
        return ast.literal_eval(written) if isinstance(written, str) else written

    def _packed(self, features: Any, size: tuple[int, int], aspect: str) -> Any:
        side = self.tower.config.image_size
        width, height = (pixels // side for pixels in _best(size, self._canvases()))
        unit = side // self.tower.config.patch_size
        canvas = features[1:].view(height, width, unit, unit, -1).permute(4, 0, 2, 1, 3)
        canvas = _unpadded(canvas.flatten(1, 2).flatten(2, 3), size)
        most = re.match(r"anyres_max_(\d+)", aspect)
        if most:
            _, h, w = canvas.shape
            times = math.sqrt(h * w / (int(most[1]) * unit**2))
            if times > 1.1:
                shape = [int(h // times), int(w // times)]
                canvas = torch.nn.functional.interpolate(canvas[None], shape, mode="bilinear")[0]
        ends = self.newline[:, None, None].expand(*canvas.shape[:-1], 1)
        rows = torch.cat([canvas, ends], dim=-1).flatten(1, 2).T
        return torch.cat([features[0], rows])


def _tensors(folder: Path) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for path in folder.glob("*.safetensors"):
        tensors |= load_file(path)
    for path in folder.glob("*/*.safetensors"):  # a frozen tower's
        own = load_file(path)
        tensors |= {f"model.vision_tower.vision_tower.{name}": own[name] for name in own}
    return {name: tensor.float() for name, tensor in tensors.items()}


def _tower(folder: Path, tensors: dict[str, Any]) -> tuple[Any, Any]:
    vision = json.loads((folder / "config.json").read_text())["vision_config"]
    side, siglip = vision["image_size"], vision["model_type"] == "siglip_vision_model"
    if siglip:
        tower: Any = SiglipVisionModel(SiglipVisionConfig(**vision | {"vision_use_head": False}))
        del tower.encoder.layers[-1:]
        processor: Any = SiglipImageProcessorPil(size={"height": side, "width": side})
    else:
        tower = CLIPVisionModel(CLIPVisionConfig(**vision))
        square = {"height": side, "width": side}
        processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size=square)
    own = {name.removeprefix(TOWER): tensor for name, tensor in tensors.items() if TOWER in name}
    missing = tower.load_state_dict(own, strict=False).missing_keys
    assert not [name for name in missing if not name.endswith("position_ids")], missing
    return tower.eval(), processor


def _projector(config: dict[str, Any], tensors: dict[str, Any]) -> Any:
    at = "model.mm_projector."
    own = {name.removeprefix(at): value for name, value in tensors.items() if name.startswith(at)}
    first = [own[name] for name in ("weight", "0.weight", "final_linear.0.weight") if name in own]
    out, width = first[0].shape
    if config.get("mm_projector_type") == "linear":
        projector: Any = torch.nn.Linear(width, out)
    else:
        linear = torch.nn.Linear
        projector = torch.nn.Sequential(linear(width, out), torch.nn.GELU(), linear(out, out))
    if "clip_layernorm.weight" in own:
        names = {"clip_layernorm": torch.nn.LayerNorm(width), "final_linear": projector}
        projector = torch.nn.Sequential()
        for name, module in names.items():
            projector.add_module(name, module)
    projector.load_state_dict(own)
    return projector.eval()


def _language(config: dict[str, Any], kind: str, tensors: dict[str, Any]) -> Any:
    text = {
        key: value for key, value in config.items() if key not in ("model_type", "architectures")
    }
    settings = AutoConfig.for_model(kind, **text)
    language = AutoModelForCausalLM.from_config(settings, dtype=torch.float32)
    apart = ("model.vision_tower.", "model.mm_projector.")
    own = {name: value for name, value in tensors.items() if not name.startswith(apart)}
    missing = set(language.load_state_dict(own, strict=False).missing_keys)
    assert missing <= ({"lm_head.weight"} if settings.tie_word_embeddings else set()), missing
    language.tie_weights()
    return language.eval()


def _squared(image: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    side = max(image.size)
    square = Image.new("RGB", (side, side), colour)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _best(size: tuple[int, int], canvases: Sequence[tuple[int, int]]) -> tuple[int, int]:
    best, most, least = (0, 0), 0, math.inf
    for width, height in canvases:
        scale = min(width / size[0], height / size[1])
        shown = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        wasted = width * height - shown
        if shown > most or (shown == most and wasted < least):
            best, most, least = (width, height), shown, wasted
    return best


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    across, down = width / image.width, height / image.height
    if across < down:
        size = width, min(math.ceil(image.height * across), height)
    else:
        size = min(math.ceil(image.width * down), width), height
    canvas = Image.new("RGB", (width, height))
    canvas.paste(image.resize(size), ((width - size[0]) // 2, (height - size[1]) // 2))
    return canvas


def _unpadded(canvas: Any, size: tuple[int, int]) -> Any:
    rows, columns = canvas.shape[1:]
    if size[0] / size[1] > columns / rows:
        margin = (rows - int(size[1] * (columns / size[0]))) // 2
        return canvas[:, margin : rows - margin]
    margin = (columns - int(size[0] * (rows / size[1]))) // 2
    return canvas[:, :, margin : columns - margin]
