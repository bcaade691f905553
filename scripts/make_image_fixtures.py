#!/usr/bin/env python3
"""Makes what decoding and preprocessing of pictures is tested against, from Pillow and transformers.

  make_image_fixtures.py       writes tests/fixtures/image: pictures, cases.json, expected.bin

cases.json says of each case where its expected array lies in expected.bin: bytes (height, width, 3) of decoding and
resizing by Pillow, and floats (3, height, width) of the image processors of transformers, whose Pillow backend is used.
"""
import hashlib
import io
import json
import pathlib
import random
import struct
import zlib

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "image"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
PROCESSORS = {"ViT": ViTImageProcessorPil, "DeiT": DeiTImageProcessorPil, "CLIP": CLIPImageProcessorPil}


def packed(samples, depth):
    """A row of samples as PNG stores it."""
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(samples, depth, kind, palette=None, clear=None, interlaced=False):
    """`samples` is (height, width, channels). Pillow writes few kinds; this writes all of them, unfiltered."""
    height, width, _ = samples.shape
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    rows = [row for x, y, dx, dy in passes for row in samples[y::dy, x::dx] if row.size]
    body = b"".join(b"\0" + packed(row.flatten().tolist(), depth) for row in rows)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))
    out += chunk(b"PLTE", palette) if palette else b""
    out += chunk(b"tRNS", clear) if clear else b""
    return out + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def smooth(height, width, seed=0):
    """Waves in three channels: what JPEG and resizing meet in photographs, with some noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (3 + c) + seed) * 60 + np.cos(y / (4 + c)) * 60 + 128 for c in range(3)]
    noise = np.random.default_rng(seed).integers(-9, 9, (height, width, 3))
    return np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def pillow_file(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def pngs():
    rng = random.Random(3)
    files = {}
    for kind in CHANNELS:
        for depth in {0: (1, 2, 4, 8, 16), 3: (1, 2, 4, 8)}.get(kind, (8, 16)):
            largest = min(2 ** depth, 9 if kind == 3 else 2 ** 16) - 1
            wide = [[[rng.choice([rng.randint(0, largest), rng.randint(0, min(largest, 300))]) for _ in
                      range(CHANNELS[kind])] for _ in range(11)] for _ in range(9)]
            samples = np.array(wide)
            palette = bytes(rng.randrange(256) for _ in range(3 * min(2 ** depth, 7))) if kind == 3 else None
            for interlaced in (False, True):
                files[f"kind{kind}_{depth}{'_interlaced' if interlaced else ''}.png"] = png(samples, depth, kind, palette,
                                                                                          None, interlaced)
            if kind == 3:
                files[f"kind3_{depth}_clear.png"] = png(samples, depth, kind, palette, bytes([0, 100]))
            if kind in (0, 2):
                one = samples[4, 5]
                clear = b"".join(struct.pack(">H", int(s) >> (8 if depth == 16 else 0)) for s in one)
                files[f"kind{kind}_{depth}_clear.png"] = png(samples, depth, kind, None, clear)
    low = np.array([[[value] * 3 for value in range(30, 60)]]) * np.array([1, 256])[:, None, None]
    files["low_byte.png"] = png(low, 16, 2, None, struct.pack(">HHH", 300, 300, 300))
    files["low_byte_grey.png"] = png(low[:, :, :1], 16, 0, None, struct.pack(">H", 300))
    every = np.array([[[value, 255 - value, 7, alpha] for value in range(0, 256, 9)] for alpha in range(0, 256, 17)])
    files["alphas.png"] = png(every, 8, 6)
    files["filtered.png"] = pillow_file(Image.fromarray(smooth(30, 21)), format="PNG")
    return files


def jpegs():
    photo = Image.fromarray(smooth(35, 27, 1))
    return {
        "grey.jpg": pillow_file(photo.convert("L"), format="JPEG", quality=80),
        "full.jpg": pillow_file(photo, format="JPEG", quality=90, subsampling="4:4:4"),
        "half.jpg": pillow_file(photo, format="JPEG", quality=75, subsampling="4:2:0"),
        "row.jpg": pillow_file(photo, format="JPEG", quality=60, subsampling="4:2:2"),
        "progressive.jpg": pillow_file(photo, format="JPEG", quality=80, progressive=True),
        "rgb.jpg": pillow_file(photo, format="JPEG", quality=80, keep_rgb=True),
        "cmyk.jpg": pillow_file(photo.convert("CMYK"), format="JPEG", quality=50),
    }


def over_white(image):
    """As transformers' convert_to_rgb."""
    if "A" not in image.getbands() and image.info.get("transparency") is None:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


class Expected:
    def __init__(self):
        self.data = b""

    def add(self, array):
        at = len(self.data)
        self.data += array.tobytes()
        return at


def process_cases():
    """Type, the keys that differ from the type's own, and the picture."""
    small = {"height": 18, "width": 22}
    return [
        ("ViT", {"size": small}, "half.jpg"),
        ("ViT", {"size": 16, "resample": 3}, "kind0_8.png"),
        ("ViT", {"size": small, "resample": 0, "image_mean": [0.1, 0.2, 0.3], "image_std": 0.7}, "kind3_4_clear.png"),
        ("ViT", {"size": small, "resample": 1, "do_normalize": False}, "filtered.png"),
        ("ViT", {"do_resize": False, "do_rescale": False, "do_normalize": False}, "kind2_8.png"),
        ("ViT", {"size": small, "do_rescale": False, "do_convert_rgb": True}, "alphas.png"),
        ("ViT", {"size": small, "rescale_factor": 0.01, "do_center_crop": True, "crop_size": 25}, "full.jpg"),
        ("DeiT", {"size": {"height": 24, "width": 24}, "crop_size": {"height": 19, "width": 16}}, "progressive.jpg"),
        ("DeiT", {"do_resize": False, "crop_size": {"height": 14, "width": 16}}, "kind2_16.png"),
        ("CLIP", {"size": {"shortest_edge": 17}, "crop_size": {"height": 17, "width": 17}}, "alphas.png"),
        ("CLIP", {"size": {"shortest_edge": 19}, "do_center_crop": False}, "half.jpg"),
        ("CLIP", {"size": {"shortest_edge": 15}, "crop_size": 18}, "kind6_16.png"),
    ]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {**pngs(), **jpegs()}
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    opened = lambda name: Image.open(io.BytesIO(files[name]))
    expected = Expected()
    cases = {"versions": {"pillow": PIL.__version__, "transformers": transformers.__version__}, "decode": [],
             "resize": [], "process": []}
    for name in files:
        if name == "cmyk.jpg":
            continue
        dropped, white = np.array(opened(name).convert("RGB")), np.array(over_white(opened(name)))
        cases["decode"].append({"file": name, "height": dropped.shape[0], "width": dropped.shape[1],
                                "drop": expected.add(dropped), "white": expected.add(white)})
    for resample in range(4):
        for height, width in ((30, 21), (30, 9), (11, 21), (50, 50), (7, 33), (1, 1), (299, 3)):
            small = np.array(opened("filtered.png").resize((width, height), resample))
            cases["resize"].append({"resample": resample, "height": height, "width": width,
                                    "sha256": hashlib.sha256(small.tobytes()).hexdigest()})
    for kind, keys, name in process_cases():
        image = opened(name) if kind == "CLIP" or keys.get("do_convert_rgb") else opened(name).convert("RGB")
        pixels = PROCESSORS[kind](**keys)(image, return_tensors="np")["pixel_values"][0].astype("<f4")
        cases["process"].append({"file": name, "config": {"image_processor_type": kind + "ImageProcessor", **keys},
                                 "height": pixels.shape[1], "width": pixels.shape[2], "at": expected.add(pixels)})
    (FOLDER / "expected.bin").write_bytes(expected.data)
    (FOLDER / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    print(sum(f.stat().st_size for f in FOLDER.iterdir()), "bytes in", FOLDER)


if __name__ == "__main__":
    main()
