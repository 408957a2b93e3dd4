"""The projection from the vision tower's space to the language model's: `Z_v = W H_v`.

The first LLaVA used one matrix `W`; LLaVA-1.5 a two-layer MLP with GELU; ViP-LLaVA that, after
a layer norm.
Sources: Liu et al. 2023 (sec. 4.1) and 2024 (sec. 3.2); Cai et al. 2024 (ViP-LLaVA, sec. 3);
transformers `models/llava`, `models/vipllava`.
"""

import mlx.core as mx
from mlx import nn

from model.activations import ACTIVATIONS
from model.config import ProjectorConfig


class MLPProjector(nn.Module):
    """`[.., P, vision width] -> [.., P, text width]`, LLaVA-1.5's."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.hidden_act]
        self.linear_1 = nn.Linear(config.input_size, config.output_size, bias=config.bias)
        self.linear_2 = nn.Linear(config.output_size, config.output_size, bias=config.bias)

    def __call__(self, features: mx.array) -> mx.array:
        return self.linear_2(self.activation(self.linear_1(features)))


class NormedMLPProjector(MLPProjector):
    """ViP-LLaVA's: the joined features of several layers are normalised first."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__(config)
        self.projector_layernorm = nn.LayerNorm(config.input_size, eps=config.layer_norm_eps)

    def __call__(self, features: mx.array) -> mx.array:
        return super().__call__(self.projector_layernorm(features))


class LinearProjector(nn.Module):
    """The first LLaVA's single matrix `W` (with its bias)."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.input_size, config.output_size, bias=config.bias)

    def __call__(self, features: mx.array) -> mx.array:
        return self.linear(features)


PROJECTORS: dict[str, type[MLPProjector] | type[LinearProjector]] = {
    "mlp": MLPProjector,
    "linear": LinearProjector,
    "normed_mlp": NormedMLPProjector,
}
