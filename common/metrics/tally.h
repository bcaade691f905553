// What an evaluation counted, in a form that adds up: over batches, over sites, in one step at the end. Scores that are
// no means of means (macro F1, correlation, AUROC) are so exact over all sites, and no example leaves its site.
//
// A tally has one vector of doubles for each kind of count in it; the kinds are the table of registry.cpp, each file of
// which says what its numbers are. Counts are whole numbers and so exact in any order (below 2^53). Sums of real
// numbers (losses) are not: a site adds them in the order of its examples, and sites are added in the order of their
// names (common/fl/score.h), so that the bits do not depend on who came first.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weft::metrics {

using Counts = std::vector<double>;
using CountsView = std::span<const double>;

struct Tally {
  std::map<std::string, Counts> parts;  // by the name of their kind

  // The counts of a kind, zeros when they were not there. WEFT_CHECKs that there are `size`.
  Counts& part(const std::string& kind, std::size_t size);
  // Of a kind that is not there: nothing.
  CountsView find(const std::string& kind) const;
  // Adds what the other one counted; a kind that only one of them has stays as it is. WEFT_CHECKs that both count
  // alike.
  void merge(const Tally& other);
  bool operator==(const Tally&) const = default;
};

}  // namespace weft::metrics
