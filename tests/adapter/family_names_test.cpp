#include "common/adapter/family_names.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

// As transformers 5.23 saves a ViTForImageClassification, and what it calls the same tensors itself.
TEST(FamilyNamesTest, VitHasOtherNamesInFiles) {
  const FamilyNames& vit = *family_named("vit");
  const std::pair<const char*, const char*> cases[] = {
      {"vit.layers.0.attention.q_proj.weight", "vit.encoder.layer.0.attention.attention.query.weight"},
      {"vit.layers.11.attention.k_proj.bias", "vit.encoder.layer.11.attention.attention.key.bias"},
      {"vit.layers.3.attention.v_proj.weight", "vit.encoder.layer.3.attention.attention.value.weight"},
      {"vit.layers.3.attention.o_proj.weight", "vit.encoder.layer.3.attention.output.dense.weight"},
      {"vit.layers.0.mlp.fc1.bias", "vit.encoder.layer.0.intermediate.dense.bias"},
      {"vit.layers.0.mlp.fc2.weight", "vit.encoder.layer.0.output.dense.weight"},
      {"vit.layers.0.layernorm_before.weight", "vit.encoder.layer.0.layernorm_before.weight"},
      {"vit.embeddings.cls_token", "vit.embeddings.cls_token"},
      {"vit.layernorm.bias", "vit.layernorm.bias"},
      {"classifier.weight", "classifier.weight"},
  };
  for (const auto& [in_model, stored] : cases) {
    EXPECT_EQ(vit.stored_name(in_model), stored);
    EXPECT_EQ(vit.model_name(stored), in_model);
    EXPECT_EQ(vit.model_name(in_model), in_model) << "a file may have the model's own names";
  }
}

TEST(FamilyNamesTest, HeadsOfAllTasksAreKnown) {
  const FamilyNames& bert = *family_named("bert");
  for (const char* tensor : {"qa_outputs.weight", "cls.predictions.bias", "classifier.weight", "lm_head.dense.bias"})
    EXPECT_TRUE(bert.of_some_head(tensor)) << tensor;
  for (const char* tensor : {"classifiers.weight", "odd.weight", "bert.classifier.weight", "lm_head"})
    EXPECT_FALSE(bert.of_some_head(tensor)) << tensor;
}

TEST(FamilyNamesTest, MostFamiliesHaveOneNaming) {
  EXPECT_EQ(family_named("bert")->stored_name("bert.encoder.layer.0.output.dense.weight"),
            "bert.encoder.layer.0.output.dense.weight");
  EXPECT_EQ(family_named("no such"), nullptr);
}

}  // namespace
}  // namespace weft
