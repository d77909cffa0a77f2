#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python.py <folder>: opens what `exchange write` left there, and leaves files for `exchange read`.

With the real packages safetensors and numpy (ml_dtypes for bfloat16, where it is there)."""
import json
import sys
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

try:
    import ml_dtypes
    BF16 = ml_dtypes.bfloat16
except ImportError:
    BF16 = None

folder = Path(sys.argv[1])
CUBE, ROW, SCALAR, NONE = (2, 3, 4), (5,), (), (3, 0)
TYPES = {"f32": (np.float32, CUBE), "f64": (np.float64, ROW), "f16": (np.float16, CUBE), "bf16": (BF16, ROW),
         "i8": (np.int8, CUBE), "u8": (np.uint8, ROW), "i16": (np.int16, CUBE), "u16": (np.uint16, ROW),
         "i32": (np.int32, CUBE), "u32": (np.uint32, ROW), "i64": (np.int64, SCALAR), "u64": (np.uint64, NONE)}


def numbers(dtype, shape):
    i = np.arange(int(np.prod(shape)))
    return ((i * i + 100 - 7 * i) % 100).astype(dtype).reshape(shape)


def same(a, b, what):
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), f"{what}: {a!r} against {b!r}"


with safetensors.safe_open(folder / "ours.safetensors", framework="numpy") as f:
    metadata = f.metadata()
    assert metadata["target.step"] == "1", metadata
    assert json.loads(metadata["target.schedule"])["steps"] == 100, metadata
    same(f.get_tensor("target"), np.full((2, 3), 0.5, np.float32), "target")
    for i, (name, (dtype, shape)) in enumerate(TYPES.items()):
        if dtype is not None:
            same(f.get_tensor(f"all.{i}"), numbers(dtype, shape), f"all.{i}")
    assert len(list(f.keys())) == len(TYPES) + 1, list(f.keys())
same(load_file(folder / "plain.safetensors")["fc.weight"], numbers(np.float32, (3, 2)), "plain")
same(np.load(folder / "columns.npy"), np.full((2, 3), 0.5, np.float32), "columns.npy")
for name, (dtype, shape) in TYPES.items():
    if dtype is None:
        continue
    got = np.load(folder / f"{name}.npy", allow_pickle=False)
    same(got.view(dtype) if name == "bf16" else got, numbers(dtype, shape), f"{name}.npy")

save_file({"fc.weight": numbers(np.float32, (3, 2))}, folder / "theirs_plain.safetensors", metadata={"format": "np"})
for name, (dtype, shape) in TYPES.items():
    if dtype is None:
        continue
    x = numbers(dtype, shape)
    save_file({name: x}, folder / f"theirs_{name}.safetensors")
    if name == "bf16":
        continue  # numpy has none
    np.save(folder / f"theirs_{name}_c.npy", x)
    np.save(folder / f"theirs_{name}_fortran.npy", np.array(x, order="F"))
print(f"safetensors {safetensors.__version__}, numpy {np.__version__}, ml_dtypes "
      f"{ml_dtypes.__version__ if BF16 else 'missing'}: every file of ours opens")
