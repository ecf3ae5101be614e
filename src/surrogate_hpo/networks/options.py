"""Names that a config offers for networks and their training.

Apart from the code that uses them, so that reading a config does not import torch.
"""

from typing import Literal

Activation = Literal["relu", "leaky_relu", "sigmoid", "tanh"]
InputScaling = Literal["none", "standardised", "whitened"]
OutputScaling = Literal["none", "maximum", "standardised"]
OptimiserName = Literal["adam", "soap"]
Schedule = Literal["constant", "cosine"]
