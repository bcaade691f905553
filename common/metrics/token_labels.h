// Labels of the words of a text, in the BIO scheme: B-X begins an entity of type X, I-X goes on with it, O is outside
// (Ramshaw, Marcus 1995, "Text chunking using transformation-based learning").
//
//   token_labels  {tokens, of them right, then for each type of entity: in the text, predicted, right}: token accuracy,
//                 and precision, recall and F1 of entities of all types together. An entity is right when its type,
//                 first and last word are. As in seqeval (micro average, its default mode, which is conlleval's): an
//                 I-X that does not go on with an X begins one.
#pragma once
#include <string>

#include "common/metrics/kind.h"

namespace weft::metrics {

struct Entity {
  std::string type;
  std::size_t first = 0, last = 0;  // words
  auto operator<=>(const Entity&) const = default;
};
// In order. A tag that is none of O, B-... and I-... is taken for O.
std::vector<Entity> entities(const std::vector<std::string>& tags);

// The types that these tags have, as they first come.
std::vector<std::string> entity_types(const std::vector<std::string>& labels);

// One text; a tag each word on both sides. WEFT_CHECKs that their types are among `types`.
void add_token_labels(Tally& tally, const std::vector<std::string>& types, const std::vector<std::string>& tags,
                      const std::vector<std::string>& predicted);
// Zeros for so many types.
void add_token_labels(Tally& tally, std::size_t types);

// One for each type, none without such counts.
std::vector<Found> found_of_entities(const Tally& tally);

Kind token_labels_kind();

}  // namespace weft::metrics
