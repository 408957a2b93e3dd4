"""What a checkpoint's `config.json` says, with the defaults of abbreviated ones filled in.

Knows nothing of weights. Field names are those of the Hugging Face configurations.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from model import fields, original_config, text_config
from model.activations import ACTIVATIONS
from model.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """CLIP's vision transformer. Defaults are `CLIPVisionConfig`'s."""

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    image_size: int = 224
    patch_size: int = 32
    num_channels: int = 3
    layer_norm_eps: float = 1e-5
    hidden_act: str = "quick_gelu"

    @property
    def patches(self) -> int:
        """Patches of one picture, without the class token."""
        side = self.image_size // self.patch_size
        return side * side

    @classmethod
    def from_dict(cls, given: Mapping[str, Any] | None) -> Self:
        """Read `vision_config`; without one it is CLIP-L/14 336, as in transformers."""
        if given is None:
            return cls(1024, 4096, 24, 16, 336, 14)
        tower = {"vision tower": given.get("model_type", "clip_vision_model")}
        fields.choice(tower, "vision tower", ["clip_vision_model"])
        read = asdict(cls()) | dict(given)
        vision = cls(
            hidden_size=fields.whole(read, "hidden_size"),
            intermediate_size=fields.whole(read, "intermediate_size"),
            num_hidden_layers=fields.whole(read, "num_hidden_layers", high=1024),
            num_attention_heads=fields.whole(read, "num_attention_heads"),
            image_size=fields.whole(read, "image_size", high=8192),
            patch_size=fields.whole(read, "patch_size", high=8192),
            num_channels=fields.whole(read, "num_channels", low=3, high=3),
            layer_norm_eps=fields.positive(read, "layer_norm_eps"),
            hidden_act=fields.choice(read, "hidden_act", ACTIVATIONS),
        )
        if vision.hidden_size % vision.num_attention_heads or not vision.patches:
            raise CheckpointError(
                f"config.json: a vision tower of width {vision.hidden_size} with "
                f"{vision.num_attention_heads} heads, or pictures of {vision.image_size} pixels "
                f"in patches of {vision.patch_size}, can't be."
            )
        return vision


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
    that order; the `default` select strategy drops the class token, `full` keeps it.
    """

    model_type: str
    vision: VisionConfig
    projector: ProjectorConfig
    text: dict[str, Any]
    vision_feature_layers: tuple[int, ...] = (-2,)
    vision_feature_select_strategy: str = "default"
    image_token_index: int = 32000
    eos_token_ids: tuple[int, ...] = ()
    quantization: dict[str, Any] | None = None

    @property
    def context_length(self) -> int:
        """The most tokens, visual ones included, that the language model was made for."""
        return int(self.text["max_position_embeddings"])

    @property
    def visual_tokens(self) -> int:
        """How many visual tokens one picture becomes."""
        class_token = 0 if self.vision_feature_select_strategy == "default" else 1
        return self.vision.patches + class_token

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read `config.json`, of llava-hf or in the original LLaVA's form.

        Raises CheckpointError for what this program can't run.
        """
        if original_config.recognises(given):
            given = original_config.translate(given)
        family = fields.choice(given, "model_type", FAMILIES)
        read = _DEFAULTS | dict(FAMILIES[family].defaults) | dict(given)
        read |= FAMILIES[family].fixed
        vision = VisionConfig.from_dict(fields.section(read, "vision_config"))
        text = _text(read)
        layers = _feature_layers(read, vision)
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
            vision_feature_select_strategy=fields.choice(
                read, "vision_feature_select_strategy", ["default", "full"]
            ),
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
    """What a family adds to `config.json`: `defaults` where it is silent, `fixed` in any case."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


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
}


def _text(read: Mapping[str, Any]) -> dict[str, Any]:
    written = read.get("text_config")
    if not isinstance(written, Mapping | None):
        raise CheckpointError("config.json: text_config is no object.")
    text = text_config.fill(written or {})
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
