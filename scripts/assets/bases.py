"""Base models that no package has: trained here by scripts/make_base_models.py, with the Python reference stack."""
from pathlib import Path

from assets.packages import fail

FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "TRAINING.json")


def train(kind, data):
    def make(fetcher, folder):
        if not fetcher.reference_python:
            fail("this base model is trained here, which needs the Python reference stack: give --reference-python, "
                 "or use ./run fetch, which does")
        script = Path(__file__).resolve().parent.parent / "make_base_models.py"
        fetcher.run(fetcher.reference_python, script, kind, fetcher.deps / data, folder)
    return make


make_vit = train("vit", "data/fashion-mnist")
make_clip = train("clip", "data/emoji")
