#!/usr/bin/env python3
"""Makes what the tokenizer is tested against, from the reference (the Python package `tokenizers`).

  make_tokenizer_fixtures.py write MODEL_FOLDER     the committed files in tests/fixtures/tokenizer
  make_tokenizer_fixtures.py cases TOKENIZER_JSON COUNT SEED OUT   JSON lines [text, pair or null, max_tokens, ids,
                                                    how many ids belong to the pair]
  make_tokenizer_fixtures.py code-points OUT        JSON lines [text, BERT-normalised text, its words] for every code
                                                    point and for random runs of combining characters
"""
import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import Tokenizer, normalizers, pre_tokenizers

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "tokenizer"

WORDS = """the a movie was great terrible unbelievable antidisestablishmentarianism tokenization don't can't well-known
running runner ran embeddings federated hospital 12:30 3.14159 1,000,000 $9.99 50% user@example.com
https://example.com/a?b=c#d C++ #hashtag @mention :-) ;) <3 ... -- e.g. U.S.A. naïve café résumé Zürich straße STRASSE
GROẞ İstanbul ıslak IĞDIR ΟΔΥΣΣΕΥΣ Σίσυφος σς ΑΣ ÅNGSTRÖM Ångström ﬁne ﬂow ǅungla ŉ ǰ Ǆ ẞ ﬆ ϒ ϓ ﷺ Привет МИР ёлка Ё
שלום עִבְרִית العَرَبِيَّة مرحبا हिन्दी क़लम ภาษาไทย ñandú 한국어 각 각 日本語 カタカナ ひらがな ﾊﾝｶｸ 中文字 漢字 𠀀 𪜀 豈 丽
①②③ ½ Ⅷ ™ © ° µ Å Ω K ∑ ∫ ≠ ≤ ∉ “quotes” ‘single’ «guillemets» „low“ – — … ‽ ¿ ¡ § ¶ † • 、。「」！？：； · ՞ ؟ ।
😀 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ ☃ 🏳️‍🌈 [CLS] [SEP] [MASK] [PAD] [UNK] [mask] [ SEP ] [SEP][SEP] a[MASK]b ##ing ## [unused5]""".split()
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b", "\u180e", "\ufeff"]
MARKS = [chr(c) for c in (*range(0x300, 0x36F), 0x483, 0x5B0, 0x64B, 0x93C, 0x94D, 0xE48, 0x1DC0, 0x20D0, 0x302E,
                          0x302F, 0x3099, 0xFE20, 0x1D165, 0x1D166, 0x1D16D, 0x1D167, 0x34F, 0x1714, 0x1734, 0x8D4)]
ODD = ["\0", "\x01", "\x07", "\x1b", "\x7f", "\x80", "\x9f", "\u00ad", "\u200c", "\u200d", "\u200e", "\u2066", "\ufffd",
       "\ufffe", "\uffff", "\ue000", "\U000e0001", "\U000e01ef", "\U000f0000", "\U0010ffff", "\u0378", "\ufdd0"]


def any_char(rng):
    while True:
        c = rng.choice([rng.randrange(0x20, 0x7F), rng.randrange(0x80, 0x250), rng.randrange(0x250, 0x3000),
                        rng.randrange(0x3000, 0x10000), rng.randrange(0x10000, 0x20000),
                        rng.randrange(0x20000, 0x110000)])
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def script_run(rng):
    """Neighbouring code points: a word in one script."""
    start = rng.randrange(0x80, 0x1F000)
    return "".join(chr(c) for c in range(start, start + rng.randrange(1, 8)) if not 0xD800 <= c < 0xE000)


def make_text(rng, longest=14):
    parts = []
    for _ in range(rng.randrange(0, longest)):
        kind = rng.random()
        if kind < 0.55:
            word = rng.choice(WORDS)
            word = rng.choice([word, word, word.upper(), word.title(), word + rng.choice(WORDS)])
        elif kind < 0.65:
            word = "".join(any_char(rng) for _ in range(rng.randrange(1, 6)))
        elif kind < 0.75:
            word = script_run(rng)
        elif kind < 0.83:
            word = rng.choice("aeioucnzḍΑ가क") + "".join(rng.choice(MARKS) for _ in range(rng.randrange(1, 5)))
        elif kind < 0.90:
            word = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(1, 20)))
        elif kind < 0.92:
            word = rng.choice("aéж中") * rng.choice([99, 100, 101, 102])
        else:
            word = rng.choice(WORDS)[:3] + rng.choice(ODD) + rng.choice(WORDS)[:3]
        parts += [word, rng.choice(SPACES) if rng.random() < 0.3 else rng.choice([" ", " ", " ", ""])]
    return "".join(parts)


def make_cases(tokenizer, count, seed, longest=14):
    rng = random.Random(seed)
    tokenizer.no_padding()
    for _ in range(count):
        text = make_text(rng, longest)
        pair = make_text(rng, longest) if rng.random() < 0.25 else None
        limit = rng.choice([0, 0, 0, 3, 4, 5, 8, 16, 33])
        tokenizer.no_truncation()
        if limit:
            tokenizer.enable_truncation(limit)
        encoding = tokenizer.encode(text, pair)
        assert encoding.type_ids == sorted(encoding.type_ids)
        yield [text, pair, limit, encoding.ids, sum(encoding.type_ids)]


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def small_tokenizer():
    """A vocabulary of a few hundred tokens and added tokens with every flag."""
    chars = [chr(c) for c in range(33, 127) if not 65 <= c <= 90] + list("éßıσςжяё中文字漢日本語αωשمह한ᄒ가ᄀ一“”…—€")
    words = """the movie was great un ##believ ##able ##s ##ing run ##n ##er token ##ization hash ##tag fed ##erated
    zur ##ich strasse cafe resume istanbul hospital don can well known example com http 12 30 100 ##00""".split()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + chars + ["##" + c for c in chars] + words
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}

    def added(i, content, special=True, **flags):
        return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": not special, "special": special, **flags}

    size = len(vocab)
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(vocab[t], t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")]
        + [added(vocab["[MASK]"], "[MASK]", lstrip=True),
           added(size, "<R>", rstrip=True), added(size + 1, "<LR>", lstrip=True, rstrip=True),
           added(size + 2, "<W>", single_word=True), added(size + 3, "NAÏVE", special=False),
           added(size + 4, "cat", special=False, single_word=True), added(size + 5, "cats"),
           added(size + 6, "ühü", special=False, lstrip=True, rstrip=True)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", vocab["[SEP]"]],
                           "cls": ["[CLS]", vocab["[CLS]"]]},
        "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    }


FLAG_TEXTS = ["a [MASK] b", "a  [MASK]  b", "<R>  x", "x <R>\t\n<R> y", "x  <LR>  y", "<LR><LR>", " <LR> ", "<W>", "a<W>b",
              "a <W> b", "_<W>", "-<W>-", "é<W>", "naïve Naive NAÏVE", "xnaivex", "cat cats catsup concat CAT cat.",
              "cat's CÄT", " ühü  UHU \u00a0uhu ", "[CLS] [cls]", "<R", "<R><W><LR>", "\u00a0[MASK]", "x\u2003[MASK][MASK]"]


def write(model_folder):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    small = dump(small_tokenizer())
    (FIXTURES / "small_tokenizer.json").write_text(small + "\n", encoding="utf-8")
    reference = Tokenizer.from_str(small)
    flags = [[text, None, 0, reference.encode(text).ids, 0] for text in FLAG_TEXTS]
    variants = []
    for clean, chinese, accents, lower in [(False, True, None, True), (True, False, None, True), (True, True, False, True),
                                           (True, True, True, False), (True, True, None, False),
                                           (False, False, False, False)]:
        spec = json.loads(small)
        spec["normalizer"].update(clean_text=clean, handle_chinese_chars=chinese, strip_accents=accents, lowercase=lower)
        variants.append([spec["normalizer"], list(make_cases(Tokenizer.from_str(dump(spec)), 25, 11, 6))])
    for name, tokenizer, cases in [
            ("minilm_cases.json", Tokenizer.from_file(f"{model_folder}/tokenizer.json"), None),
            ("small_cases.json", reference, flags)]:
        cases = (cases or []) + list(make_cases(tokenizer, 400 if cases is None else 120, 7, 9))
        content = {"tokenizers": tokenizers.__version__, "made_by": "scripts/make_tokenizer_fixtures.py write",
                   "case": "[text, pair, max_tokens, ids, ids of the pair]", "cases": cases}
        if tokenizer is reference:
            content["normalizers"] = variants
        lines = dump(content).replace("],[\"", "],\n[\"")
        (FIXTURES / name).write_text(lines + "\n", encoding="utf-8")


def write_code_points(out):
    normalizer, words = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    rng = random.Random(5)
    texts = ["a" + chr(c) + "b" for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    marks = [c for c in (chr(i) for i in range(0x300, 0x1E900)) if not 0xD800 <= ord(c) < 0xE000
             and normalizers.NFD().normalize_str("\u0345" + c) != "\u0345" + c] + MARKS
    texts += ["x" + "".join(rng.choice(marks) for _ in range(rng.randrange(2, 7))) for _ in range(20000)]
    with open(out, "w", encoding="utf-8") as file:
        for text in texts:
            clean = normalizer.normalize_str(text)
            file.write(dump([text, clean, [word for word, _ in words.pre_tokenize_str(clean)]]) + "\n")


def main(arguments):
    if arguments[:1] == ["write"] and len(arguments) == 2:
        return write(arguments[1])
    if arguments[:1] == ["code-points"] and len(arguments) == 2:
        return write_code_points(arguments[1])
    if arguments[:1] == ["cases"] and len(arguments) == 5:
        with open(arguments[4], "w", encoding="utf-8") as file:
            for case in make_cases(Tokenizer.from_file(arguments[1]), int(arguments[2]), int(arguments[3])):
                file.write(dump(case) + "\n")
        return None
    sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
