#!/usr/bin/env python3
"""Writes small files of torch.save for tests/tensor: both kinds, and one whose pickle would run a command.

    python scripts/make_torch_file_fixtures.py

Needs torch.
"""
import os
import pickle
import zipfile
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "torch_files"


class Command:
    def __reduce__(self):
        return os.system, ("touch /tmp/weft_was_here",)


def hostile(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Command()}, protocol=2))
        archive.writestr("archive/byteorder", "little")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    with torch.no_grad():
        for count, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) + 10 * count)
    state = model.state_dict()  # an OrderedDict with attributes
    torch.save(state, FOLDER / "state_dict.bin")
    torch.save(state, FOLDER / "before_1_6.bin", _use_new_zipfile_serialization=False)
    # Two views of one storage in other types, a scalar, and a parameter.
    both = torch.arange(6).to(torch.bfloat16)
    torch.save({"front": both[:2], "back": both[2:].view(2, 2), "count": torch.tensor(7),
                "parameter": torch.nn.Parameter(torch.ones(2).half())}, FOLDER / "views.bin")
    torch.save({"transposed": torch.arange(6.0).view(2, 3).t()}, FOLDER / "transposed.bin")
    torch.save({"weights": {"nested": torch.ones(1)}}, FOLDER / "nested.bin")
    hostile(FOLDER / "hostile.bin")
    for path in FOLDER.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
