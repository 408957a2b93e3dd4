"""What a checkpoint's `config.json` says, with the defaults of abbreviated ones filled in.

Knows nothing of weights. Field names are those of the Hugging Face configurations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from model import text_config
from model.errors import CheckpointError

# What `LlavaConfig` of transformers assumes where `vision_config` is missing: CLIP-L/14 336.
_CLIP_L_336 = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
}


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
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        kind = given.get("model_type", "clip_vision_model")
        if kind != "clip_vision_model":
            raise CheckpointError(f"The vision tower is of type {kind!r}; this program runs CLIP.")
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})


@dataclass(frozen=True, slots=True)
class ProjectorConfig:
    """The projector between tower and language model; `kind` is `mlp` or `linear`."""

    input_size: int
    output_size: int
    kind: str = "mlp"
    hidden_act: str = "gelu"
    bias: bool = True


@dataclass(frozen=True, slots=True)
class LlavaConfig:
    """A LLaVA checkpoint. `text` is the language model's configuration, filled for mlx-lm."""

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
        """Read `config.json`. Raises CheckpointError for what this program can't run."""
        if given.get("model_type") != "llava":
            raise CheckpointError(
                f"The checkpoint is of type {given.get('model_type')!r}; this program runs 'llava'."
            )
        vision = VisionConfig.from_dict(given.get("vision_config") or _CLIP_L_336)
        text = text_config.fill(given.get("text_config") or {})
        text["tie_word_embeddings"] |= given.get("tie_word_embeddings", False)
        layer = given.get("vision_feature_layer", -2)
        layers = tuple(layer) if isinstance(layer, list) else (layer,)
        eos = text["eos_token_id"]
        return cls(
            model_type="llava",
            vision=vision,
            projector=ProjectorConfig(
                input_size=vision.hidden_size * len(layers),
                output_size=text["hidden_size"],
                kind="linear" if given.get("mm_projector_type") == "linear" else "mlp",
                hidden_act=given.get("projector_hidden_act", "gelu"),
                bias=given.get("multimodal_projector_bias", True),
            ),
            text=text,
            vision_feature_layers=layers,
            vision_feature_select_strategy=given.get("vision_feature_select_strategy", "default"),
            image_token_index=given.get("image_token_index", given.get("image_token_id", 32000)),
            eos_token_ids=() if eos is None else tuple(eos) if isinstance(eos, list) else (eos,),
            quantization=given.get("quantization"),
        )
