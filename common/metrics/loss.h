// Two sums and what they were summed over: the loss of examples, and the negative log-likelihood of tokens.
//
//   loss  {sum, examples}: mean loss.
//   nll   {sum of nats, tokens}: mean nats of a token, and perplexity = exp of it, as in Jelinek et al. 1977,
//         "Perplexity, a measure of the difficulty of speech recognition tasks". Long texts weigh more than short ones.
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

void add_loss(Tally& tally, double sum, double examples);
void add_nll(Tally& tally, double nats, double tokens);

Kind loss_kind();
Kind nll_kind();

}  // namespace weft::metrics
