// A model family's forward pass. Each family is one class in one file; it overrides what its heads can do.
// Suffixes: T packed tokens · N sequences or images · R asked rows · D width · C classes · V vocabulary · E embedding.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "common/models/linear.h"
#include "common/models/step.h"
#include "common/nn/kv_cache.h"

namespace weft::models {

// Const and without state: any thread, as long as the step is that thread's own. What is not overridden throws Failure.
class Network {
 public:
  virtual ~Network() = default;
  // The longest text it takes, in tokens; 0 when it takes none.
  virtual std::int64_t max_positions() const = 0;
  // Rows that one picture takes in a packed batch: its patches and special tokens; 0 when it takes none.
  virtual std::int64_t image_rows() const;
  // Final hidden states of the asked rows, [R, D].
  virtual at::Tensor states(const Step& step, const Inputs& inputs, const Rows& rows) const;
  virtual at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const;                 // [N, C]
  virtual at::Tensor token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const;  // [R, C]
  // What makes logits over the vocabulary of states: [V, D], without a bias.
  virtual const Linear& lm_head() const;
  // Generation: a cache a layer, with room for so many tokens of each sequence; and the states of the asked rows of new
  // tokens, which follow those in the caches and join them. inputs.tokens has the new ones alone, at their positions.
  virtual std::vector<nn::KvCache> make_caches(std::int64_t sequences, std::int64_t places) const;
  virtual at::Tensor next_states(const Step& step, const Inputs& inputs, const nn::CachedRows& cached,
                                 std::vector<nn::KvCache>& caches, const Rows& rows) const;
  virtual at::Tensor image_logits(const Step& step, const Inputs& inputs) const;      // [N, C]
  virtual at::Tensor text_embeddings(const Step& step, const Inputs& inputs) const;   // [N, E], not normalised
  virtual at::Tensor image_embeddings(const Step& step, const Inputs& inputs) const;  // [N, E], not normalised
  virtual at::Tensor logit_scale(const Step& step) const;                             // scalar, before exp
};

}  // namespace weft::models
