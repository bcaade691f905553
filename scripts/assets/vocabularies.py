"""Real vocabularies as tokenizer.json files, with test strings and their ids, out of the source package of llama-cpp-python.

The package has gguf files that hold a vocabulary and no weights. Each of those that the model families use becomes a folder:
tokenizer.json, made here from the vocabulary, and cases.json, [text, ids without special tokens] as the package has them.
The licences differ by vocabulary. Standard library only.
"""
import base64
import json
import struct
import tarfile

from assets.packages import Package

LLAMA_CPP = Package("pip_source", "llama-cpp-python", "0.3.36",
                    "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e")
MODELS = "/vendor/llama.cpp/models/"
SEPARATOR = "\n__ggml_vocab_test__\n"
GPT2_SPLITS = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]
RAW_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
DIGITS = {"type": "Digits", "individual_digits": True}
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


# Name of the gguf: its pre-tokenizers.
BYTE_LEVEL = {"gpt-2": GPT2_SPLITS, "mpt": GPT2_SPLITS, "starcoder": [DIGITS, *GPT2_SPLITS],
              "refact": [DIGITS, *GPT2_SPLITS], "command-r": [DIGITS, *GPT2_SPLITS],
              "llama-bpe": [split(LLAMA3), RAW_BYTES], "qwen2": [split(LLAMA3.replace("{1,3}", "")), RAW_BYTES]}
SENTENCE_PIECE_BPE = ["llama-spm", "phi-3"]
NAMES = [*BYTE_LEVEL, *SENTENCE_PIECE_BPE, "bert-bge", "nomic-bert-moe"]
NFC = {"mpt", "command-r", "qwen2"}
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_metadata(data):
    """The key-value pairs of a gguf file."""
    place = 24

    def take(form):
        nonlocal place
        values = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize("<" + form)
        return values

    def value(kind):
        nonlocal place
        if kind == 8:
            size, = take("Q")
            place += size
            return data[place - size:place].decode("utf-8")
        if kind == 9:
            inner, count = take("IQ")
            return list(take(f"{count}{FORMATS[inner]}")) if inner in FORMATS else [value(inner) for _ in range(count)]
        return take(FORMATS[kind])[0]

    out = {}
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        key = value(8)
        out[key.removeprefix("tokenizer.ggml.")] = value(take("I")[0])
    return out


def added_tokens(meta):
    """Control tokens (kind 3), which texts may name, and user-defined ones (kind 4)."""
    return [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": kind == 3} for i, (token, kind) in enumerate(zip(meta["tokens"], meta["token_type"]))
            if kind in (3, 4)]


def byte_level(name, meta):
    merges = [pair.split(" ") for pair in meta["merges"]]
    return {"normalizer": {"type": "NFC"} if name in NFC else None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": BYTE_LEVEL[name]}, "decoder": RAW_BYTES,
            "model": {"type": "BPE", "ignore_merges": name == "llama-bpe", "merges": merges,
                      "vocab": {token: i for i, token in enumerate(meta["tokens"])}}}


def sentence_piece(meta):
    """Merges are not stored: every way to cut a token into two tokens is one, better tokens first."""
    vocab = {token: i for i, token in enumerate(meta["tokens"])}
    merges = []
    for token, score in zip(meta["tokens"], meta["scores"]):
        cuts = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocab and token[i:] in vocab]
        merges += [(-score, vocab[first], vocab[second], first, second) for first, second in cuts]
    decode = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    return {"normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "pre_tokenizer": None, "decoder": {"type": "Sequence", "decoders": decode},
            "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": vocab,
                      "merges": [merge[3:] for merge in sorted(merges)]}}


def word_piece(meta):
    # The file marks where a word begins; BERT's vocabulary marks where it goes on.
    named = {token for token in meta["tokens"] if token.startswith("[") and token.endswith("]")}
    tokens = [t if t in named else t[1:] if t.startswith("▁") else "##" + t for t in meta["tokens"]]
    return {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {token: i for i, token in enumerate(tokens)}}}


def unigram(meta):
    """XLM-RoBERTa's vocabulary, with SentencePiece's nmt_nfkc rules."""
    rules = base64.b64encode(bytes(b & 0xFF for b in meta["precompiled_charsmap"])).decode()
    return {"normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": rules},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {"type": "Unigram", "unk_id": meta["unknown_token_id"], "byte_fallback": False,
                      "vocab": [list(pair) for pair in zip(meta["tokens"], meta["scores"])]}}


def tokenizer_of(name, meta):
    if name in BYTE_LEVEL:
        sections = byte_level(name, meta)
    elif name in SENTENCE_PIECE_BPE:
        sections = sentence_piece(meta)
    else:
        sections = unigram(meta) if meta["model"] == "t5" else word_piece(meta)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens(meta),
            "post_processor": None, **sections}


def cases_of(texts, ids):
    if texts is None:
        return []
    texts = texts.decode("utf-8").split(SEPARATOR)
    lines = ids.decode("utf-8").split("\n")
    return [[text, [int(i) for i in line.split()]] for text, line in zip(texts, lines)]


def convert(package, name):
    def member(suffix):
        found = [m for m in package.getmembers() if m.name.endswith(f"{MODELS}ggml-vocab-{name}.gguf{suffix}")]
        return package.extractfile(found[0]).read() if found else None

    tokenizer = tokenizer_of(name, read_metadata(member("")))
    return {"tokenizer.json": tokenizer, "cases.json": cases_of(member(".inp"), member(".out"))}


def make(fetcher, folder):
    with tarfile.open(fetcher.package(LLAMA_CPP)) as package:
        for name in NAMES:
            (folder / name).mkdir()
            for part, value in convert(package, name).items():
                text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                (folder / name / part).write_text(text, encoding="utf-8")
