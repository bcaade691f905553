#!/usr/bin/env python3
"""Makes tests/fixtures/tokenizer/{kinds,stages}.json from the reference (the Python package `tokenizers`).

kinds.json: a tiny tokenizer of each model family, trained here, with ids and decoded texts. stages.json: what single
normalizers, pre-tokenizers and decoders give. Run with the reference stack's Python; needs no network.

  make_tokenizer_kind_fixtures.py                          the committed files
  make_tokenizer_kind_fixtures.py cases JSON COUNT SEED OUT   fresh cases of any tokenizer.json, one a line
"""
import base64
import json
import pathlib
import random
import struct
import sys

import tokenizers
from make_tokenizer_fixtures import WORDS, dump, make_text
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "tokenizer"
GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

NASTY = ["", " ", "  ", "a", " a", "a ", "  a  b  ", "\n", "\n\n", " \n ", "\t\r\n x", "a\n\nb \n c", "It's HE'S they'LL we'd I'm'S",
         "'ſ'ſx ''s", "12345 1 22 333 4444 ٣٤٥ ½Ⅷ", "a1b22c", "x" * 90, "ab" * 40, " " * 20 + "end", "\u00a0a\u2003b\u3000c",
         "👩‍👩‍👧‍👦👍🏽🇩🇪❤️", "e\u0301e\u0301\u0302\u0303 각각 ﬁ①", "\0\x01\x7f\x85\u200b\u200d\ufeff", "\ufffd\uffff\U0010ffff", "▁ ▁▁a▁b",
         "###!!!...???", "e.g. C++ #tag", "中文字漢字 カタカナ", "עִבְרִית हिन्दी ไทย", "<s>", "</s>", "<s></s><s>", "a<s>b", "a <mask> b",
         "<mask><mask>", "  <mask>  x", "<0x41><0xE2>", "<unk>", "x<unk>y", "<|end|>a<|end|> <|end|>", "ŉſ İ ẞ ΑΣ", "a\r\nb\rc",
         "\U0001e030\u1c89\U0002ebf0 \U000116d0"]


def corpus():
    rng = random.Random(3)
    return [" ".join(rng.choice(WORDS) for _ in range(9)) for _ in range(60)] + [
        "The movie was great, and the hospital isn't far.", "It's 3.14159, they'll run; running runners ran 12:30.",
        "tokenization of embeddings\nand federated learning\n\n", "  leading blanks and   runs of them  "] * 12


def small_charsmap(rules):
    """SentencePiece's compiled form of {text: replacement}: a Darts-clone double array and the replacements."""
    units, taken = {0: 0}, {0}
    blob, places = b"", {}
    for source, target in rules.items():
        places[source.encode()] = len(blob)
        blob += target.encode() + b"\0"

    def build(node, prefix):
        labels = sorted({key[len(prefix)] for key in places if key.startswith(prefix) and len(key) > len(prefix)})
        leaf = prefix in places
        wanted = labels + ([0] if leaf else [])
        base = next(b for b in range(1, 1 << 20) if all(b ^ label not in taken for label in wanted) and b ^ node < 1 << 21)
        taken.update(base ^ label for label in wanted)
        units[node] = units.get(node, 0) | (base ^ node) << 10 | (0x100 if leaf else 0)
        if leaf:
            units[base] = 0x80000000 | places[prefix]
        for label in labels:
            units[base ^ label] = label
        for label in labels:
            build(base ^ label, prefix + bytes([label]))

    build(0, b"")
    size = (max(units) | 0xFF) + 1
    array = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size))
    return base64.b64encode(struct.pack("<I", len(array)) + array + blob).decode()


RULES = {"ﬁ": "fi", "①": "1", "Å": "Å", "e\u0301": "é", "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\r\n": " ", "\u200b": "",
         "\x01": "", "ａ": "a", "a\u0308": "ä", "½": "1/2", "ⅰ": "i", "\ufeff": "", "\u200d": "", "…": "...", "é\u0302": "ế"}


def with_json(tokenizer, **sections):
    spec = json.loads(tokenizer.to_str())
    spec.update(sections)
    return Tokenizer.from_str(json.dumps(spec))


def train(model, trainer, normalizer=None, pre=None, added=()):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens(list(added))
    return tokenizer


def bpe(size=330, special=(), alphabet=True, **options):
    kind = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()} if alphabet else {"limit_alphabet": 90}
    return trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False, **kind, **options)


def byte_fallback_bpe(normalizer, pre):
    names = [f"<0x{i:02X}>" for i in range(256)]
    return train(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                 bpe(460, ["<unk>", "<s>", "</s>", *names], alphabet=False), normalizer, pre)


def template(single, pair, tokens, tokenizer):
    return processors.TemplateProcessing(single=single, pair=pair,
                                         special_tokens=[(t, tokenizer.token_to_id(t)) for t in tokens])


def kinds():
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2 = train(models.BPE(), bpe(), pre=byte_level, added=["<|end|>"])
    gpt2.post_processor, gpt2.decoder = processors.ByteLevel(trim_offsets=False), decoders.ByteLevel()
    yield "gpt2", gpt2

    roberta = train(models.BPE(), bpe(special=["<s>", "<pad>", "</s>", "<unk>"]), pre=pre_tokenizers.ByteLevel(),
                    added=[AddedToken("<mask>", lstrip=True, special=True)])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    roberta.decoder = decoders.ByteLevel()
    yield "roberta", roberta

    cut = lambda rx: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(rx), "isolated"),
                                              pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3 = train(models.BPE(ignore_merges=True), bpe(), pre=cut(LLAMA3), added=["<s>", "<|end|>"])
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False),
                                                 template("<s> $A", "<s> $A <s>:1 $B:1", ["<s>"], llama3)])
    llama3.decoder = decoders.ByteLevel()
    yield "llama3", llama3

    qwen2 = train(models.BPE(), bpe(), normalizers.NFC(), cut(QWEN2), [AddedToken("<|end|>", normalized=False)])
    qwen2.post_processor, qwen2.decoder = processors.ByteLevel(trim_offsets=False), decoders.ByteLevel()
    yield "qwen2", qwen2

    smollm2 = train(models.BPE(), bpe(), pre=pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level]), added=["<|end|>"])
    smollm2.decoder = decoders.ByteLevel()
    yield "smollm2", smollm2

    llama2 = byte_fallback_bpe(normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
                               pre_tokenizers.Metaspace(prepend_scheme="never"))
    llama2 = with_json(llama2, pre_tokenizer=None)
    llama2.add_special_tokens(["<s>", "</s>", "<unk>"])
    llama2.post_processor = template("<s> $A", "<s> $A <s>:1 $B:1", ["<s>"], llama2)
    llama2.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                        decoders.Strip(" ", 1, 0)])
    yield "llama2", llama2

    mistral = byte_fallback_bpe(None, pre_tokenizers.Metaspace(prepend_scheme="first"))
    mistral.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    mistral.add_special_tokens(["<s>", "</s>", "<unk>"])
    mistral.post_processor = template("<s> $A </s>", "<s> $A </s> $B:1 </s>:1", ["<s>", "</s>"], mistral)
    mistral.decoder = llama2.decoder
    yield "mistral", mistral

    unigram = lambda size, special, **more: trainers.UnigramTrainer(
        vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False, **more)
    xlmr = train(models.Unigram(), unigram(260, ["<s>", "<pad>", "</s>", "<unk>"]), normalizers.Sequence(
        [normalizers.Precompiled(base64.b64decode(small_charsmap(RULES))), normalizers.Replace(Regex(" {2,}"), " ")]),
                 pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
                 [AddedToken("<mask>", lstrip=True, special=True)])
    xlmr.post_processor = template("<s> $A </s>", "<s> $A </s> </s> $B </s>", ["<s>", "</s>"], xlmr)
    xlmr.decoder = decoders.Metaspace()
    yield "xlm_roberta", xlmr

    names = [f"<0x{i:02X}>" for i in range(256)]
    fallback = train(models.Unigram(), unigram(420, ["<unk>", *names]), normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC()]), pre_tokenizers.Metaspace(prepend_scheme="never"))
    spec = json.loads(fallback.to_str())
    spec["model"]["byte_fallback"] = True
    spec["added_tokens"] = spec["added_tokens"][:1]
    fallback = Tokenizer.from_str(json.dumps(spec))
    fallback.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    yield "unigram_bytes", fallback

    clip = train(models.BPE(unk_token="<|end|>", end_of_word_suffix="</w>"), bpe(580, ["<|start|>", "<|end|>"],
                                                                               end_of_word_suffix="</w>"),
                 normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
                 pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True),
                                          pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    clip.post_processor = processors.RobertaProcessing(("<|end|>", 1), ("<|start|>", 0), trim_offsets=False,
                                                       add_prefix_space=False)
    clip.decoder = decoders.ByteLevel()
    yield "clip", clip

    bert = train(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30),
                 trainers.WordPieceTrainer(vocab_size=280, special_tokens=["[UNK]", "<s>", "</s>"], limit_alphabet=90,
                                           show_progress=False),
                 normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents(),
                                       normalizers.Strip()]),
                 pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits()]))
    bert.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    bert.decoder = decoders.WordPiece()
    yield "word_piece", bert

    prefixed = train(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), bpe(
        260, ["<unk>"], alphabet=False, continuing_subword_prefix="##"), normalizers.Sequence(
            [normalizers.NFKD(), normalizers.Strip(right=False)]), pre_tokenizers.WhitespaceSplit())
    yield "prefixed_bpe", prefixed

    suffixed = train(models.BPE(end_of_word_suffix="</w>"), bpe(230, alphabet=False, end_of_word_suffix="</w>"), None,
                     pre_tokenizers.BertPreTokenizer())
    suffixed.decoder = decoders.BPEDecoder()
    yield "suffixed_bpe", suffixed


def decoded(tokenizer, ids):
    """Without special tokens, and with them where that differs."""
    without, all_of_them = tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=False)
    return without, None if all_of_them == without else all_of_them


def make_cases(tokenizer, texts, seed):
    """[text, pair, max_tokens, specials, side, strategy, ids, how many type ids are 1, ids to decode where others, decoded
    without special tokens, and with them where that differs]."""
    rng = random.Random(seed)
    for i, text in enumerate(texts):
        pair = make_text(rng, 5) if rng.random() < 0.2 else None
        limit = rng.choice([0, 0, 0, 4, 7, 12])
        specials = rng.random() < 0.8
        side = rng.choice(["right", "right", "left"])
        strategy = rng.choice(["longest_first", "longest_first", "only_first"])
        tokenizer.no_truncation()
        if limit:
            tokenizer.enable_truncation(limit, strategy=strategy, direction=side)
        try:
            encoding = tokenizer.encode(text, pair, add_special_tokens=specials)
        except Exception:  # too short to truncate
            continue
        ids = encoding.ids
        if rng.random() < 0.2:
            ids_out = [rng.randrange(tokenizer.get_vocab_size() + 3) for _ in range(8)]
        else:
            ids_out = ids
        yield [text, pair, limit, specials, side, strategy, ids, sum(encoding.type_ids), ids_out if ids_out is not ids else None,
               *decoded(tokenizer, ids_out)]


def word_cases(tokenizer):
    tokenizer.no_truncation()
    for words in [["Hello", "world's", "12:30"], ["the", "", " movie ", "中文"]]:
        encoding = tokenizer.encode(words, is_pretokenized=True)
        yield [words, encoding.ids, [-1 if w is None else w for w in encoding.word_ids]]


def write_kinds():
    rng = random.Random(17)
    out = []
    for seed, (name, tokenizer) in enumerate(kinds()):
        texts = NASTY[seed % 2::2] + [make_text(rng, 7) for _ in range(12)]
        spec = json.loads(tokenizer.to_str())
        out.append(dump({"name": name, "tokenizer": spec, "words": list(word_cases(tokenizer)),
                         "cases": list(make_cases(tokenizer, texts, seed))}))
    head = dump({"tokenizers": tokenizers.__version__, "made_by": "scripts/make_tokenizer_kind_fixtures.py"})[:-1]
    (FIXTURES / "kinds.json").write_text(head + ',"kinds":[\n' + ",\n".join(out) + "\n]}\n", encoding="utf-8")


def section(kind, value):
    """What JSON says of a stage."""
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, kind, value)
    return json.loads(tokenizer.to_str())[kind]


def write_stages():
    rng = random.Random(23)
    texts = [text[:40] for text in NASTY] + [make_text(rng, 5) for _ in range(5)]
    odd = [chr(c) for c in (0xC5, 0x212B, 0x1E9B, 0x323, 0xFB01, 0x2460, 0xAC00, 0x1100, 0x1161, 0x0345, 0x1F600, 0x16D1E,
                            0x1CF2, 0x111C9, 0x93C, 0x11F02, 0x301, 0x0, 0xFDFA)]
    texts += ["".join(rng.choice(odd) for _ in range(8)) for _ in range(5)]
    n, p = normalizers, pre_tokenizers
    normal = [n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.Strip(), n.Strip(left=False), n.StripAccents(), n.Nmt(),
              n.Prepend("▁"), n.Replace("a", "bb"), n.Replace(Regex(r"\s+"), "_"), n.Replace(Regex(r"^a|b*"), "-"),
              n.Precompiled(base64.b64decode(small_charsmap(RULES))), n.Sequence([]), n.Sequence([n.NFKC(), n.Lowercase()])]
    split = [p.Whitespace(), p.WhitespaceSplit(), p.Digits(), p.Digits(individual_digits=True), p.BertPreTokenizer(),
             p.ByteLevel(), p.ByteLevel(add_prefix_space=False, use_regex=False), p.Metaspace(), p.Metaspace(split=False),
             p.Metaspace(prepend_scheme="first"), p.Metaspace(replacement="_", prepend_scheme="never"),
             p.Sequence([p.ByteLevel(), p.Digits(individual_digits=True)]),
             p.Sequence([p.WhitespaceSplit(), p.Metaspace(prepend_scheme="first")])]
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    split += [p.Punctuation(behavior=b) for b in behaviors]
    split += [p.Split(pattern, b, invert) for pattern in (" ", Regex(r"[\s.]|\d+|\w*!")) for b in behaviors for invert in (False, True)]
    split += [p.Split(Regex(rx), "isolated") for rx in (LLAMA3, QWEN2, "(?:" + LLAMA3 + ")")]
    tokens = [["▁He", "llo", "▁", "▁wor", "<0xE2>", "<0x82>", "<0xAC>", "<0xE2>", "x", "##ing", "##", " .", "</w>", "a</w>"],
              ["<0x41>"], ["Ġthe", "Ã", "©", "Ġ", "â", "Ĥ", "x y", "zé"], ["don", "'", "t", "##n't", "do", "not", "!", "?", "a", "'s"], []]
    decode = [decoders.WordPiece(), decoders.WordPiece(cleanup=False), decoders.ByteLevel(), decoders.Metaspace(),
              decoders.Metaspace(prepend_scheme="never"), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip("▁", 1, 0),
              decoders.Strip("o", 1, 2), decoders.Replace("▁", " "), decoders.BPEDecoder(),
              decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])]

    def words(stage, text):
        return [word for word, _ in stage.pre_tokenize_str(text)]

    out = {"tokenizers": tokenizers.__version__, "made_by": "scripts/make_tokenizer_kind_fixtures.py", "texts": texts,
           "normalizers": [[section("normalizer", s), [s.normalize_str(t) for t in texts]] for s in normal],
           "pre_tokenizers": [[section("pre_tokenizer", s), [words(s, t) for t in texts]] for s in split],
           "tokens": tokens, "decoders": [[section("decoder", s), [s.decode(t) for t in tokens]] for s in decode]}
    (FIXTURES / "stages.json").write_text(dump(out).replace("]],[{", "]],\n[{") + "\n", encoding="utf-8")


def main(arguments):
    if not arguments:
        write_kinds()
        return write_stages()
    if arguments[:1] == ["cases"] and len(arguments) == 5:
        rng = random.Random(int(arguments[3]))
        texts = [make_text(rng) for _ in range(int(arguments[2]))]
        with open(arguments[4], "w", encoding="utf-8") as file:
            for case in make_cases(Tokenizer.from_file(arguments[1]), NASTY + texts, int(arguments[3])):
                file.write(dump(case) + "\n")
        return None
    sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
