// What a kind of count says about itself: one of these per file, all of them listed in registry.cpp.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/metrics/tally.h"

namespace weft::metrics {

enum class Better { higher, lower };
enum class Shown { percent, number };

// A value that people report.
struct Metric {
  const char* name;   // "macro_f1": in files and messages
  const char* title;  // "macro F1": for people
  Better better = Better::higher;
  Shown shown = Shown::percent;
};

struct Kind {
  const char* name;
  std::vector<Metric> metrics;
  // One for each of `metrics`; NaN where it is not defined, as when nothing was counted.
  Counts (*values)(CountsView counts);
  // Whether an honest evaluation can have counted so. Anything may be asked, of any length.
  bool (*plausible)(CountsView counts);
  // How many examples were counted; nullopt where the numbers do not say it.
  std::optional<double> (*examples)(CountsView counts);
};

// How often a label, or an entity of a type, was found, said where it is not, and missed.
struct Found {
  double right = 0, wrong = 0, missed = 0;
};

// For `plausible`: whole, not negative and small enough that sums over sites stay exact; a sum of reals that can be.
bool is_count(double number);
bool is_sum(double number);
// NaN when the denominator is 0.
double ratio(double numerator, double denominator);
// 2·TP / (2·TP + FP + FN) of van Rijsbergen 1979, "Information Retrieval", chapter 7; 0 when nothing was there to find
// and nothing was found, as scikit-learn's zero_division=0 has it.
double f1(double true_positive, double false_positive, double false_negative);

}  // namespace weft::metrics
