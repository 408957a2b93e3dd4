"""What a checkpoint's `config.json` says, with the defaults of abbreviated ones filled in.

Knows nothing of weights. Field names are those of the Hugging Face configurations.
"""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class ProjectorConfig:
    """The projector between tower and language model; `kind` is `mlp` or `linear`."""

    input_size: int
    output_size: int
    kind: str = "mlp"
    hidden_act: str = "gelu"
    bias: bool = True
