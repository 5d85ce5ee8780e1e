"""Arrays of each datatype, with the values at their ends that a conversion would change."""

from __future__ import annotations

import numpy as np

EXACT = {
    "BOOL": np.array([[True, False, False, True]]),
    "UINT8": np.array([[0, 1, 128, 255]], np.uint8),
    "UINT16": np.array([[0, 1, 32768, 65535]], np.uint16),
    "UINT32": np.array([[0, 1, 2**31, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 1, 2**53 + 1, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, -1, 0, 127]], np.int8),
    "INT16": np.array([[-32768, -1, 0, 32767]], np.int16),
    "INT32": np.array([[-(2**31), -1, 0, 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), -1, 2**53 + 1, 2**63 - 1]], np.int64),
    "FP16": np.array([[-0.5, 1 / 3, 6e-8, 65504]], np.float16),
    "FP32": np.array([[-0.0, 0.1, 1e-45, 3.4028235e38]], np.float32),
    "FP64": np.array([[-0.0, 0.1, 5e-324, 1.7976931348623157e308]], np.float64),
}

# A model of the processor's plugin computes 64 bits in 32, and doubles as floats: that much every device keeps.
SMALL = {name: array if name == "BOOL" else array.dtype.type([[0, 1, 2, 100]]) for name, array in EXACT.items()}
