// A number for each example.
//
//   regression  {n, Σy, Σp, Σy², Σp², Σyp, Σ|y-p|, Σ(y-p)²} of targets y and predictions p: MSE, MAE, Pearson's r. For
//   r the
//               sums are enough: r = (n·Σyp - Σy·Σp) / sqrt((n·Σy² - (Σy)²)·(n·Σp² - (Σp)²)), after Pearson 1895, "Note
//               on regression and inheritance in the case of two parents". It loses digits when the spread of the
//               targets is far below their size: about 16 - 2·log10(size / spread) digits are left.
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

void add_regression(Tally& tally, double target, double prediction);

// None yet.
void add_regression(Tally& tally);

Kind regression_kind();

}  // namespace weft::metrics
