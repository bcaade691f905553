// GPT-2: learned positions, LayerNorm, one module for query, key and value, weights stored [in, out].
// Source: Radford et al. 2019; names as in transformers' GPT2LMHeadModel.
#include "common/models/decoder.h"
#include "common/models/registry.h"

namespace weft::models {
namespace {

DecoderConfig config_of(const ModelBuilder& builder) {
  const ModelConfig& config = builder.config();
  // "reorder_and_upcast_attn" computes scores in fp32, which everything here does.
  if (config.flag("add_cross_attention", false)) config.fail("\"add_cross_attention\" is true; it is not supported");
  if (!config.flag("scale_attn_weights", true)) config.fail("\"scale_attn_weights\" is false; only true is supported");
  const std::string activation = config.text("activation_function", "gelu_new");
  const std::optional<nn::Activation> known = nn::activation_of(activation);
  if (!known) config.fail("\"activation_function\" is \"" + activation + "\", which is not supported");
  const std::int64_t width = config.positive("n_embd"), heads = config.positive("n_head");
  if (width % heads != 0)
    config.fail("\"n_embd\" " + std::to_string(width) + " is not a multiple of \"n_head\" " + std::to_string(heads));
  const std::int64_t layers = config.layers("n_layer");
  return {.vocabulary = config.positive("vocab_size"),
          .width = width,
          .layers = layers,
          .heads = heads,
          .key_heads = heads,
          .head_dim = width / heads,
          .inner_width = config.positive_or("n_inner", 4 * width),
          .positions = config.positive("n_positions"),
          .windows = std::vector<std::int64_t>(static_cast<std::size_t>(layers), 0),
          .norm = NormKind::layer,
          .epsilon = config.number("layer_norm_epsilon", 1e-5),
          .embedding_dropout = builder.dropout("embd_pdrop", 0.1),
          .residual_dropout = builder.dropout("resid_pdrop", 0.1),
          .attention_dropout = builder.dropout("attn_pdrop", 0.1),
          .activation = known,
          .scores_by_layer = config.flag("scale_attn_by_inverse_layer_idx", false),
          .rotary = {}};
}

}  // namespace

std::unique_ptr<const Network> build_gpt2(ModelBuilder& builder) {
  const DecoderNames names{.tokens = "transformer.wte",
                           .positions = "transformer.wpe",
                           .layer = "transformer.h.",
                           .final_norm = "transformer.ln_f",
                           .qkv = {"attn.c_attn"},
                           .attention_out = "attn.c_proj",
                           .up = {"mlp.c_fc"},
                           .down = "mlp.c_proj",
                           .attention_norm = "ln_1",
                           .inner_norm = "ln_2",
                           .query_norm = {},
                           .key_norm = {},
                           .token_head = "classifier",
                           .buffers = {"attn.bias", "attn.masked_bias"}};
  return std::make_unique<const Decoder>(builder, config_of(builder), names);
}

}  // namespace weft::models
