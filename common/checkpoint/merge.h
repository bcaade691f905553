// An adapter folded into its base model as a Hugging Face folder that transformers loads without PEFT:
//   LoRA    W' = W + scale * B A
//   DoRA    the same, each row then brought to its trained length
//   (IA)3   rows of W and the bias, or columns of W, times the trained factors
//   trained whole: W' as trained
// The base is mapped and tensors are written one after the other, so memory is that of the largest tensor.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "common/checkpoint/peft_folder.h"

namespace weft::checkpoint {

// w_OI += scale * b_OR * a_RI, row-major, products summed in double.
// transposed: w is stored [I, O] (fan_in_fan_out).
struct DeltaShape {
  std::int64_t out = 0, in = 0, rank = 0;
  bool transposed = false;
};
void add_scaled_product(std::span<float> w, std::span<const float> b_OR, std::span<const float> a_RI,
                        const DeltaShape& shape, double scale);

// Brings each row of w, which belongs to one output, to its length.
void set_lengths(std::span<float> w, std::span<const float> lengths_O, const DeltaShape& shape);

// Writes `out` whole or not at all: model.safetensors (each tensor in the base's dtype), config.json with the head's
// architecture, labels and problem, and what else of the base transformers loads: the files of tokenizer, chat
// template, generation and preprocessing. Throws ConfigError for a base that the adapter does not fit or whose family
// has no rule, where neither the adapter nor the base says which head it is, or when `out` holds files; Failure when it
// cannot be written.
void write_merged(const std::filesystem::path& base, const PeftFolder& adapter, const std::filesystem::path& out);

}  // namespace weft::checkpoint
