// Model families by config.json's "model_type": an explicit table. A new family is one file, one line of registry.cpp,
// and its names in common/adapter/family_names.cpp.
#pragma once
#include <memory>
#include <span>
#include <string_view>

#include "common/models/builder.h"
#include "common/models/network.h"

namespace weft::models {

struct Family {
  std::string_view model_type;
  std::unique_ptr<const Network> (*build)(ModelBuilder&);
};

std::span<const Family> families();

// Each is a file of its own.
std::unique_ptr<const Network> build_bert(ModelBuilder& builder);
std::unique_ptr<const Network> build_distilbert(ModelBuilder& builder);
std::unique_ptr<const Network> build_roberta(ModelBuilder& builder);
std::unique_ptr<const Network> build_gpt2(ModelBuilder& builder);
std::unique_ptr<const Network> build_llama(ModelBuilder& builder);
std::unique_ptr<const Network> build_mistral(ModelBuilder& builder);
std::unique_ptr<const Network> build_qwen2(ModelBuilder& builder);
std::unique_ptr<const Network> build_qwen3(ModelBuilder& builder);
std::unique_ptr<const Network> build_vit(ModelBuilder& builder);
std::unique_ptr<const Network> build_deit(ModelBuilder& builder);
std::unique_ptr<const Network> build_clip(ModelBuilder& builder);

}  // namespace weft::models
