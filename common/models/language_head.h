// What a language model's head makes of final states. Suffixes: R rows · D width · V vocabulary.
#pragma once
#include "common/models/linear.h"

namespace weft::models {

// −log softmax(head(states))[target] of each row, [R]; targets [R] int64, each in [0, V). Without ever holding all
// logits: where nothing is trained on the head as common/nn/linear_loss.h has it, else they are made a second time on
// the way back.
at::Tensor language_losses(const Step& step, const Linear& head, const at::Tensor& states_RD,
                           const at::Tensor& targets_R);

}  // namespace weft::models
