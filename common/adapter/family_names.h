// What transformers calls things in each model family: one table for loading a checkpoint, for merging into one and
// for its config.json. A checkpoint of a bare model lacks the prefix that one with a head puts before its names.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/adapter/task_kind.h"

namespace weft {

struct FamilyHead {
  TaskKind task;
  std::string_view architecture;          // of the model with this head, in config.json
  std::vector<std::string_view> modules;  // of the head itself: "classifier"
  // Of the base model, below the head: what a checkpoint may lack and then learns with the head.
  std::vector<std::string_view> below{};
};

// A part of tensors' names that files have otherwise than the model: transformers 5 renamed modules and goes on saving
// the names of 4.
struct RenamedPart {
  std::string_view in_model, stored;
};

struct FamilyNames {
  std::string_view model_type;            // in config.json
  std::string_view prefix;                // "bert."
  std::vector<FamilyHead> heads;          // the tasks that the family can do
  std::vector<std::string_view> dropped;  // beginnings of tensors' names that no head here uses: of buffers and poolers
  std::vector<RenamedPart> renamed{};     // in the order in which stored ones are looked for
  // The table of tokens, which is a language model's head as well where config.json's tie_word_embeddings says so, or
  // is silent and tied holds.
  std::string_view tokens{};
  bool tied = false;
  bool linears_IO = false;  // checkpoints have the weights of inner linear layers as [in, out]

  // Whole names in the model and in files; those of a file with the model's names stay.
  std::string stored_name(std::string name) const;
  std::string model_name(std::string stored) const;
  const FamilyHead* head(TaskKind task) const;  // nullptr: the family cannot do it
  // Whether a tensor in a checkpoint is of a head, by its name: of a task above, or of another that transformers knows.
  bool of_some_head(std::string_view tensor) const;
};

std::span<const FamilyNames> family_names();
const FamilyNames* family_named(std::string_view model_type);  // nullptr: not known

}  // namespace weft
