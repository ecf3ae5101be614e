"""Names that a config offers for networks and their training.

Apart from the code that uses them, so that reading a config does not import torch.
"""

from typing import Literal

Activation = Literal["relu", "leaky_relu", "sigmoid", "tanh"]
InputScaling = Literal["none", "standardised", "whitened"]
OutputScaling = Literal["none", "maximum", "standardised", "feature_maximum"]
OptimiserName = Literal["soap", "adamw", "adam"]
Schedule = Literal["cosine", "constant", "plateau"]

# Plain Adam adds the decay to the gradient, where the other optimisers multiply the weights by
# 1 - learning rate × decay: their usual 0.3 would drown the gradient of any loss near its end.
LARGEST_COUPLED_DECAY = 0.01
# Of all 3N displacements of a snapshot as many combinations are kept, where forces are learnt:
# memory grows with their number.
LARGEST_NUMBER_OF_DIRECTIONS = 48
