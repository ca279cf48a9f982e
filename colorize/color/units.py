"""Color units, stated once: L* spans 100 and is halved around 50, a* and b* are divided by 110.

`rgb`  (B, 3, H, W)  sRGB, [0, 1]
`l`    (B, 1, H, W)  L*/50 − 1, [−1, 1]
`ab`   (B, 2, H, W)  (a*, b*)/110, about [−1, 1]

`tensors.py` speaks them on tensors for training and measuring, `lightness.py` on arrays for photos.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Levels = NDArray[np.unsignedinteger[Any]]  # of sRGB: uint8, 0 to 255, or uint16, 0 to 65535

L_HALF_RANGE = 50.0
AB_RANGE = 110.0
