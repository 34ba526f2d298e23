"""Physical effects of a line that albumentations lacks, does slowly, or does in another way.

Each is an `ImageOnlyTransform` of uint8 images `(H, W, 1 or 3)`: its random draws are made in `get_params`, from the
generators albumentations seeds, and `apply` is arithmetic. Lengths are in pixels of the network's input.
"""

from __future__ import annotations

from lineproof.adapt.augment.effects.blur import BeltBlur, OutOfFocus
from lineproof.adapt.augment.effects.dust import Dust
from lineproof.adapt.augment.effects.highlight import SpecularHighlight
from lineproof.adapt.augment.effects.light import Exposure, LightGradient
from lineproof.adapt.augment.effects.noise import SensorNoise

__all__ = ["BeltBlur", "Dust", "Exposure", "LightGradient", "OutOfFocus", "SensorNoise", "SpecularHighlight"]
