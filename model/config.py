"""What a checkpoint's `config.json` says, with the defaults of abbreviated ones filled in.

Knows nothing of weights. Field names are those of the Hugging Face configurations.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from model import fields, original_config, text_config
from model.activations import ACTIVATIONS
from model.errors import CheckpointError, PromptError
from model.tiling import Clip, Size, Tiling, View
from model.vision_config import CLIP_L_336, SIGLIP_SO400M_384, VisionConfig

_MOST_PINPOINTS = 256
_MOST_TILES = 16  # along a side of a canvas


@dataclass(frozen=True, slots=True)
class ProjectorConfig:
    """The projector between tower and language model; `kind` is one of `projector.PROJECTORS`."""

    input_size: int
    output_size: int
    kind: str = "mlp"
    hidden_act: str = "gelu"
    bias: bool = True
    layer_norm_eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class LlavaConfig:
    """A LLaVA checkpoint. `text` is the language model's configuration, filled for mlx-lm.

    `vision_feature_layers` index the tower's hidden states, and their features are joined in
    that order; the `default` select strategy drops the first token, which is CLIP's class token,
    `full` keeps it. `tiling` is for families that cut pictures into tiles.
    """

    model_type: str
    vision: VisionConfig
    projector: ProjectorConfig
    text: dict[str, Any]
    vision_feature_layers: tuple[int, ...] = (-2,)
    vision_feature_select_strategy: str = "default"
    tiling: Tiling | None = None
    image_token_index: int = 32000
    eos_token_ids: tuple[int, ...] = ()
    quantization: dict[str, Any] | None = None

    @property
    def context_length(self) -> int:
        """The most tokens, visual ones included, that the language model was made for."""
        return int(self.text["max_position_embeddings"])

    @property
    def visual_tokens(self) -> int:
        """How many visual tokens one picture becomes, or one tile of it."""
        dropped = 1 if self.vision_feature_select_strategy == "default" else 0
        return self.vision.patches + self.vision.class_tokens - dropped

    @property
    def takes_clips(self) -> bool:
        """Whether the model was trained to look at videos."""
        return self.tiling is not None and self.tiling.clips

    def views(self, sizes: Sequence[Size | Clip]) -> list[View]:
        """How pictures and clips of one prompt become visual tokens, by (height, width) of those.

        Raises PromptError for clips that the model can't take.
        """
        clips = [size for size in sizes if isinstance(size, Clip)]
        if clips and not self.takes_clips:
            raise PromptError("This model can't look at videos: LLaVA-OneVision can.")
        if not all(clip.frames for clip in clips):
            raise PromptError("A video clip has no frames.")
        if self.tiling is None:
            return [View(self.visual_tokens)] * len(sizes)
        return self.tiling.views(sizes)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read `config.json`, of llava-hf or in the original LLaVA's form.

        Raises CheckpointError for what this program can't run.
        """
        rules: dict[str, Any] = {}
        if original_config.recognises(given):
            rules = original_config.tiling_rules(given)
            given = original_config.translate(given)
        family = fields.choice(given, "model_type", FAMILIES)
        row = FAMILIES[family]
        rules = {"clips": row.clips} | rules
        read = _DEFAULTS | dict(row.defaults) | dict(given) | dict(row.fixed)
        vision = _vision(read, row.tower)
        text = _text(read, row.language_model)
        layers = _feature_layers(read, vision)
        strategy = fields.choice(read, "vision_feature_select_strategy", ["default", "full"])
        return cls(
            model_type=family,
            vision=vision,
            projector=ProjectorConfig(
                input_size=vision.hidden_size * len(layers),
                output_size=text["hidden_size"],
                kind=fields.choice(read, "projector_kind", ["mlp", "linear", "normed_mlp"]),
                hidden_act=fields.choice(read, "projector_hidden_act", ACTIVATIONS),
                bias=fields.flag(read, "multimodal_projector_bias"),
                layer_norm_eps=fields.positive(read, "projector_layernorm_eps"),
            ),
            text=text,
            vision_feature_layers=layers,
            vision_feature_select_strategy=strategy,
            tiling=_tiling(read, vision, strategy, rules) if row.tiled else None,
            image_token_index=_image_token(read),
            eos_token_ids=fields.token_ids(read, "eos_token_id") or tuple(text["eos_token_id"]),
            quantization=_quantization(read),
        )


_DEFAULTS: dict[str, Any] = {
    "vision_feature_layer": -2,
    "vision_feature_select_strategy": "default",
    "projector_kind": "mlp",
    "projector_hidden_act": "gelu",
    "multimodal_projector_bias": True,
    "tie_word_embeddings": False,
    "image_token_id": 32000,
    "projector_layernorm_eps": 1e-5,
}


@dataclass(frozen=True, slots=True)
class Family:
    """What a family adds to `config.json`: `defaults` where it is silent, `fixed` in any case.

    `tower` is the one of a checkpoint that doesn't describe its own, `language_model` the type of
    one that doesn't say it; `image_processor` is the reference's class for its pictures. With
    `tiled`, pictures are cut into tiles; with `clips` it looks at video clips, too.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    tower: Mapping[str, Any] = field(default_factory=CLIP_L_336.copy)
    language_model: str = "llama"
    image_processor: str = "LlavaImageProcessor"
    tiled: bool = False
    clips: bool = False


_STEPS = range(384, 2304 + 1, 384)  # pixels, of OneVision's canvases

# A new family is a row here, by transformers' `model_type`; see docs/families.md.
FAMILIES: dict[str, Family] = {
    "llava": Family(),
    "vipllava": Family(
        defaults={"vision_feature_layer": [-2, -5, -8, -11, 6]},
        fixed={
            "projector_kind": "normed_mlp",
            "multimodal_projector_bias": True,
            "vision_feature_select_strategy": "default",
        },
    ),
    "llava_next": Family(
        defaults={
            "image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
        },
        image_processor="LlavaNextImageProcessor",
        tiled=True,
    ),
    "llava_onevision": Family(
        defaults={
            "image_token_id": 151646,
            "vision_feature_layer": -1,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": "anyres_max_9",
            "image_grid_pinpoints": [[h, w] for h in _STEPS for w in _STEPS],
        },
        tower=SIGLIP_SO400M_384,
        language_model="qwen2",
        image_processor="LlavaOnevisionImageProcessor",
        tiled=True,
        clips=True,
    ),
}


def _vision(read: Mapping[str, Any], tower: Mapping[str, Any]) -> VisionConfig:
    written = fields.section(read, "vision_config")
    kind = {"model_type": tower["model_type"]}
    return VisionConfig.from_dict(tower if written is None else kind | written)


def _text(read: Mapping[str, Any], kind: str) -> dict[str, Any]:
    written = read.get("text_config")
    if not isinstance(written, Mapping | None):
        raise CheckpointError("config.json: text_config is no object.")
    text = text_config.fill({"model_type": kind} | dict(written or {}))
    # transformers lets either place tie them.
    text["tie_word_embeddings"] |= fields.flag(read, "tie_word_embeddings")
    return text


def _feature_layers(read: Mapping[str, Any], vision: VisionConfig) -> tuple[int, ...]:
    # ViP-LLaVA's checkpoints say it in the plural.
    written = read.get("vision_feature_layers", read["vision_feature_layer"])
    layers = written if isinstance(written, list) else [written]
    depth = vision.num_hidden_layers
    for layer in layers:
        fields.whole(
            {"vision_feature_layer": layer}, "vision_feature_layer", low=-depth - 1, high=depth
        )
    if not 0 < len(layers) <= depth + 1:
        raise CheckpointError(
            f"config.json: vision_feature_layer names {len(layers)} layers, "
            f"expected 1 to {depth + 1}."
        )
    return tuple(layers)


def _tiling(
    read: Mapping[str, Any], vision: VisionConfig, strategy: str, rules: Mapping[str, Any]
) -> Tiling:
    if bool(vision.class_tokens) != (strategy == "default"):
        raise CheckpointError(
            f"config.json: vision_feature_select_strategy is {strategy}, which leaves no square "
            "of patches to lay a picture's tiles out."
        )
    aspect = read.get("vision_aspect_ratio")
    most = re.fullmatch(r"anyres_max_([1-9]\d{0,3})", str(aspect))
    if aspect is not None and most is None:
        raise CheckpointError(
            f"config.json: vision_aspect_ratio is {fields.brief(aspect)}, expected anyres_max_9 "
            "or another number."
        )
    tiling = Tiling(
        pinpoints=pinpoints(read.get("image_grid_pinpoints"), vision.image_size),
        side=vision.image_size,
        patches=vision.side,
        most_tiles=int(most[1]) if most else None,
        several_padded=most is not None,
    )
    return replace(tiling, **rules)


def pinpoints(written: Any, side: int) -> tuple[Size, ...]:
    """The sizes of canvases, (height, width) in pixels, that `image_grid_pinpoints` allows."""
    lists = written if isinstance(written, list) else []
    sizes = tuple(tuple(size) for size in lists if isinstance(size, list | tuple))
    if not 0 < len(sizes) == len(lists) <= _MOST_PINPOINTS or not all(
        len(size) == 2 and all(_is_canvas_side(pixels, side) for pixels in size) for size in sizes
    ):
        raise CheckpointError(
            f"image_grid_pinpoints is {fields.brief(written)}, expected sizes of [height, width] "
            f"in multiples of the tower's {side} pixels."
        )
    return sizes


def _is_canvas_side(pixels: Any, side: int) -> bool:
    return type(pixels) is int and 0 < pixels <= _MOST_TILES * side and pixels % side == 0


def _image_token(read: Mapping[str, Any]) -> int:
    """The id that stands for pictures; the original LLaVA's is outside the vocabulary."""
    name = "image_token_index" if "image_token_index" in read else "image_token_id"
    return fields.whole(read, name, low=original_config.IMAGE_TOKEN_INDEX)


def _quantization(read: Mapping[str, Any]) -> dict[str, Any] | None:
    """MLX's own form: `group_size` and `bits`, and exceptions by the layer's path."""
    written = fields.section(read, "quantization") or fields.section(read, "quantization_config")
    if written is None:
        return None
    if "quant_method" in written or written.get("mode", "affine") != "affine":
        raise CheckpointError(
            "The checkpoint is quantised in a way that this program can't run "
            f"({ascii(written.get('quant_method', written.get('mode')))[:40]}); "
            "take one without quantisation, or one quantised by MLX."
        )
    return written
