// One line a family; read from transformers' modeling files.
#include "common/checkpoint/head_rules.h"

#include <array>

namespace weft::checkpoint {

std::span<const HeadRule> head_rules() {
  static const std::array<HeadRule, 4> rules{{
      {"bert", "BertForSequenceClassification", "bert.", {"classifier."}, {"cls."}},
      {"roberta", "RobertaForSequenceClassification", "roberta.", {"classifier."}, {"lm_head."}},
      {"electra",
       "ElectraForSequenceClassification",
       "electra.",
       {"classifier."},
       {"discriminator_predictions.", "generator_"}},
      {"distilbert",
       "DistilBertForSequenceClassification",
       "distilbert.",
       {"classifier.", "pre_classifier."},
       {"vocab_"}},
  }};
  return rules;
}

}  // namespace weft::checkpoint
