#include "common/models/network.h"

#include "common/base/result.h"

namespace weft::models {
namespace {

// load_model refuses a task that the family's names do not list, so this is a fault of the family's file.
[[noreturn]] void absent(const char* what) { throw Failure(std::string("this model family has no ") + what); }

}  // namespace

std::int64_t Network::image_rows() const { return 0; }
at::Tensor Network::states(const Step&, const Inputs&, const Rows&) const { absent("hidden states of text"); }
at::Tensor Network::sequence_logits(const Step&, const Inputs&) const { absent("head for sequence classification"); }
at::Tensor Network::token_logits(const Step&, const Inputs&, const Rows&) const {
  absent("head for token classification");
}
const Linear& Network::lm_head() const { absent("language head"); }
std::vector<nn::KvCache> Network::make_caches(std::int64_t, std::int64_t) const { absent("generation"); }
at::Tensor Network::next_states(const Step&, const Inputs&, const nn::CachedRows&, std::vector<nn::KvCache>&,
                                const Rows&) const {
  absent("generation");
}
at::Tensor Network::image_logits(const Step&, const Inputs&) const { absent("head for image classification"); }
at::Tensor Network::text_embeddings(const Step&, const Inputs&) const { absent("text embedding"); }
at::Tensor Network::image_embeddings(const Step&, const Inputs&) const { absent("image embedding"); }
at::Tensor Network::logit_scale(const Step&) const { absent("scale of similarities"); }

}  // namespace weft::models
