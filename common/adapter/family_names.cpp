// One entry a family; read from transformers' modeling files.
#include "common/adapter/family_names.h"

#include <algorithm>

namespace weft {
namespace {

constexpr TaskKind kSequence = TaskKind::sequence_classification, kToken = TaskKind::token_classification,
                   kLanguage = TaskKind::causal_lm, kImage = TaskKind::image_classification;

// The Llama kind has the same names in every family but the class of the model itself.
FamilyNames llama_like(std::string_view model_type, std::string_view language, std::string_view sequence,
                       std::string_view token) {
  return {.model_type = model_type,
          .prefix = "model.",
          .heads = {{kSequence, sequence, {"score"}}, {kToken, token, {"score"}}, {kLanguage, language, {"lm_head"}}},
          .dropped = {},
          .tokens = "model.embed_tokens"};
}

const std::vector<RenamedPart>& vit_renamed() {
  static const std::vector<RenamedPart> parts{{".layers.", ".encoder.layer."},
                                              {".attention.q_proj.", ".attention.attention.query."},
                                              {".attention.k_proj.", ".attention.attention.key."},
                                              {".attention.v_proj.", ".attention.attention.value."},
                                              {".attention.o_proj.", ".attention.output.dense."},
                                              {".mlp.fc1.", ".intermediate.dense."},
                                              {".mlp.fc2.", ".output.dense."}};
  return parts;
}

// Of all tasks in transformers, and of value models trained beside a language model (v_head).
constexpr std::string_view kHeads[] = {
    "classifier",
    "pre_classifier",
    "score",
    "lm_head",
    "cls",
    "qa_outputs",
    "vocab_transform",
    "vocab_layer_norm",
    "vocab_projector",
    "decoder",
    "cls_classifier",
    "distillation_classifier",
    "multiple_choice_head",
    "v_head",
};

bool lies_in(std::string_view tensor, std::string_view module) {
  return tensor.size() > module.size() && tensor.starts_with(module) && tensor[module.size()] == '.';
}

void replace_once(std::string& name, std::string_view part, std::string_view by) {
  if (const std::size_t at = name.find(part); at != std::string::npos) name.replace(at, part.size(), by);
}

const std::vector<FamilyNames>& table() {
  static const std::vector<FamilyNames> families{
      {.model_type = "bert",
       .prefix = "bert.",
       .heads = {{kSequence, "BertForSequenceClassification", {"classifier"}, {"bert.pooler.dense"}},
                 {kToken, "BertForTokenClassification", {"classifier"}}},
       .dropped = {"bert.embeddings.position_ids"}},
      {.model_type = "distilbert",
       .prefix = "distilbert.",
       .heads = {{kSequence, "DistilBertForSequenceClassification", {"pre_classifier", "classifier"}},
                 {kToken, "DistilBertForTokenClassification", {"classifier"}}},
       .dropped = {"distilbert.embeddings.position_ids"}},
      {.model_type = "roberta",
       .prefix = "roberta.",
       .heads = {{kSequence, "RobertaForSequenceClassification", {"classifier"}},
                 {kToken, "RobertaForTokenClassification", {"classifier"}}},
       .dropped = {"roberta.embeddings.position_ids"}},
      {.model_type = "xlm-roberta",
       .prefix = "roberta.",
       .heads = {{kSequence, "XLMRobertaForSequenceClassification", {"classifier"}},
                 {kToken, "XLMRobertaForTokenClassification", {"classifier"}}},
       .dropped = {"roberta.embeddings.position_ids"}},
      {.model_type = "gpt2",
       .prefix = "transformer.",
       .heads = {{kSequence, "GPT2ForSequenceClassification", {"score"}},
                 {kToken, "GPT2ForTokenClassification", {"classifier"}},
                 {kLanguage, "GPT2LMHeadModel", {"lm_head"}}},
       .dropped = {},
       .tokens = "transformer.wte",
       .tied = true,
       .linears_IO = true},
      llama_like("llama", "LlamaForCausalLM", "LlamaForSequenceClassification", "LlamaForTokenClassification"),
      llama_like("mistral", "MistralForCausalLM", "MistralForSequenceClassification", "MistralForTokenClassification"),
      llama_like("qwen2", "Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "Qwen2ForTokenClassification"),
      llama_like("qwen3", "Qwen3ForCausalLM", "Qwen3ForSequenceClassification", "Qwen3ForTokenClassification"),
      {.model_type = "vit",
       .prefix = "vit.",
       .heads = {{kImage, "ViTForImageClassification", {"classifier"}}},
       .dropped = {"vit.pooler.", "vit.embeddings.mask_token"},
       .renamed = vit_renamed()},
      {.model_type = "deit",
       .prefix = "deit.",
       .heads = {{kImage, "DeiTForImageClassification", {"classifier"}}},
       .dropped = {"deit.pooler.", "deit.embeddings.mask_token"},
       .renamed = vit_renamed()},
      {.model_type = "clip",
       .prefix = "",
       .heads = {{TaskKind::image_text, "CLIPModel", {}}},
       .dropped = {"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"}},
  };
  return families;
}

}  // namespace

const FamilyHead* FamilyNames::head(TaskKind task) const {
  const auto found =
      std::find_if(heads.begin(), heads.end(), [&](const FamilyHead& head) { return head.task == task; });
  return found == heads.end() ? nullptr : &*found;
}

bool FamilyNames::of_some_head(std::string_view tensor) const {
  const auto in = [&](std::string_view module) { return lies_in(tensor, module); };
  return std::any_of(std::begin(kHeads), std::end(kHeads), in) ||
         std::any_of(heads.begin(), heads.end(),
                     [&](const FamilyHead& head) { return std::any_of(head.modules.begin(), head.modules.end(), in); });
}

std::string FamilyNames::stored_name(std::string name) const {
  for (const RenamedPart& part : renamed) replace_once(name, part.in_model, part.stored);
  return name;
}

std::string FamilyNames::model_name(std::string stored) const {
  for (const RenamedPart& part : renamed) replace_once(stored, part.stored, part.in_model);
  return stored;
}

std::span<const FamilyNames> family_names() { return table(); }

const FamilyNames* family_named(std::string_view model_type) {
  const auto found = std::find_if(table().begin(), table().end(),
                                  [&](const FamilyNames& family) { return family.model_type == model_type; });
  return found == table().end() ? nullptr : &*found;
}

}  // namespace weft
