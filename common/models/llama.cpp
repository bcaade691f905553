// The Llama kind: Llama 2 and 3, SmolLM2, Mistral, Qwen2, Qwen2.5 and Qwen3. RMSNorm, rotary positions, grouped query
// heads, gated SiLU. They differ in biases, in norms of query and key heads, and in sliding windows.
// Sources: Touvron et al. 2023, arXiv:2302.13971; Jiang et al. 2023, arXiv:2310.06825 (Mistral); Yang et al. 2024,
// arXiv:2407.10671 (Qwen2), and 2025, arXiv:2505.09388 (Qwen3). Names as in transformers' LlamaForCausalLM.
#include <cmath>

#include "common/models/decoder.h"
#include "common/models/registry.h"
#include "common/models/rotary_config.h"

namespace weft::models {
namespace {

// What a member of the kind has that its config does not say, or says under a key of its own.
struct Kind {
  bool always_qkv_bias = false;      // without one on the output
  bool may_have_bias = false;        // "attention_bias", of all four
  bool may_have_inner_bias = false;  // "mlp_bias", of all three
  bool head_norms = false;
  bool whole_window = false;   // "sliding_window" is of all layers; else "use_sliding_window" and layer types say
  std::int64_t head_dim = 0;   // when the config is silent; 0: width / heads
  std::int64_t key_heads = 0;  // when it is silent, too; 0: as many as heads
};

std::vector<std::int64_t> windows_of(const ModelConfig& config, const Kind& kind, std::int64_t layers) {
  std::vector<std::int64_t> windows(static_cast<std::size_t>(layers), 0);
  // Absent is not null, which means none.
  const bool slides = (config.has("sliding_window") || !config.holds("sliding_window")) &&
                      (kind.whole_window || config.flag("use_sliding_window", false));
  if (!slides) return windows;
  const std::int64_t window = config.positive_or("sliding_window", 4096);
  const std::vector<std::string> types = config.texts("layer_types");
  if (!kind.whole_window && !types.empty() && std::ssize(types) != layers)
    config.fail("\"layer_types\" has " + std::to_string(types.size()) + " entries for " + std::to_string(layers) +
                " layers");
  const std::int64_t first = kind.whole_window ? 0 : config.count("max_window_layers", 28);
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool typed = !kind.whole_window && !types.empty();
    const std::string type = typed ? types[static_cast<std::size_t>(i)] : "";
    if (typed && type != "sliding_attention" && type != "full_attention")
      config.fail("\"layer_types\" has \"" + type + "\"; only full_attention and sliding_attention are supported");
    if (typed ? type == "sliding_attention" : i >= first) windows[static_cast<std::size_t>(i)] = window;
  }
  return windows;
}

void check_supported(const ModelConfig& config, const Kind& kind) {
  const std::string act = config.text("hidden_act", "silu");
  if (act != "silu") config.fail("\"hidden_act\" is \"" + act + "\"; only \"silu\" is supported");
  if (!kind.may_have_inner_bias && config.flag("mlp_bias", false))
    config.fail("\"mlp_bias\" is true; this family has none");
  if (!kind.may_have_bias && !kind.always_qkv_bias && config.flag("attention_bias", false))
    config.fail("\"attention_bias\" is true; this family has none");
  if (config.positive_or("pretraining_tp", 1) != 1) config.fail("\"pretraining_tp\" is above 1; only 1 is supported");
  if (config.has("quantization_config"))
    config.fail("\"quantization_config\" is there; only fp32, fp16 and bf16 weights are supported");
}

DecoderConfig config_of(const ModelBuilder& builder, const Kind& kind) {
  const ModelConfig& config = builder.config();
  check_supported(config, kind);
  const std::int64_t width = config.positive("hidden_size"), heads = config.positive("num_attention_heads"),
                     layers = config.layers("num_hidden_layers");
  const std::int64_t key_heads = config.positive_or(
      "num_key_value_heads", kind.key_heads != 0 && !config.holds("num_key_value_heads") ? kind.key_heads : heads);
  const std::int64_t head_dim = config.positive_or("head_dim", kind.head_dim != 0 ? kind.head_dim : width / heads);
  if (heads % key_heads != 0)
    config.fail("\"num_attention_heads\" " + std::to_string(heads) + " is not a multiple of \"num_key_value_heads\" " +
                std::to_string(key_heads));
  const nn::RotaryConfig rotary = rotary_config(config, head_dim);
  return {.vocabulary = config.positive("vocab_size"),
          .width = width,
          .layers = layers,
          .heads = heads,
          .key_heads = key_heads,
          .head_dim = head_dim,
          .inner_width = config.positive("intermediate_size"),
          .positions = rotary_positions(config, rotary),
          .windows = windows_of(config, kind, layers),
          .norm = NormKind::rms,
          .epsilon = config.positive_number("rms_norm_eps", 1e-6),
          .embedding_dropout = 0,
          .residual_dropout = 0,
          .attention_dropout = builder.dropout("attention_dropout", 0),
          .activation = {},
          .rotary = rotary};
}

std::unique_ptr<const Network> build(ModelBuilder& builder, const Kind& kind) {
  const bool all_biased = kind.may_have_bias && builder.config().flag("attention_bias", false);
  const bool inner_biased = kind.may_have_inner_bias && builder.config().flag("mlp_bias", false);
  const DecoderNames names{.tokens = "model.embed_tokens",
                           .positions = {},
                           .layer = "model.layers.",
                           .final_norm = "model.norm",
                           .qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"},
                           .attention_out = "self_attn.o_proj",
                           .up = {"mlp.gate_proj", "mlp.up_proj"},
                           .down = "mlp.down_proj",
                           .attention_norm = "input_layernorm",
                           .inner_norm = "post_attention_layernorm",
                           .query_norm = kind.head_norms ? "self_attn.q_norm" : "",
                           .key_norm = kind.head_norms ? "self_attn.k_norm" : "",
                           .qkv_options = {.bias = kind.always_qkv_bias || all_biased},
                           .out_options = {.bias = all_biased},
                           .inner_options = {.bias = inner_biased},
                           .token_head = "score",
                           .buffers = {"self_attn.rotary_emb.inv_freq"}};
  return std::make_unique<const Decoder>(builder, config_of(builder, kind), names);
}

}  // namespace

std::unique_ptr<const Network> build_llama(ModelBuilder& builder) {
  return build(builder, {.may_have_bias = true, .may_have_inner_bias = true});
}
std::unique_ptr<const Network> build_mistral(ModelBuilder& builder) {
  return build(builder, {.whole_window = true, .key_heads = 8});
}
std::unique_ptr<const Network> build_qwen2(ModelBuilder& builder) {
  return build(builder, {.always_qkv_bias = true, .key_heads = 32});
}
std::unique_ptr<const Network> build_qwen3(ModelBuilder& builder) {
  return build(builder, {.may_have_bias = true, .head_norms = true, .head_dim = 128, .key_heads = 32});
}

}  // namespace weft::models
