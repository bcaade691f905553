// Tallies, the table of kinds, and what is refused of a peer.
#include "common/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/loss.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/ranking.h"
#include "common/metrics/regression.h"
#include "common/metrics/scheme.h"
#include "common/metrics/standing.h"
#include "common/metrics/token_labels.h"

namespace weft::metrics {
namespace {

using testing::HasSubstr;

// Two classes; `right` of `examples` are told apart. A loss if one is given.
Tally binary_tally(double examples, double right, double mean_loss = -1) {
  Tally tally;
  ConfusionMatrix confusion(2);
  confusion.add(0, 0, right);
  confusion.add(0, 1, examples - right);
  add_confusion(tally, confusion);
  if (mean_loss >= 0) add_loss(tally, mean_loss * examples, examples);
  return tally;
}

TEST(TallyTest, AddsUpAndKeepsWhatOnlyOneHas) {
  Tally tally{{{"loss", {1, 2}}}};
  tally.merge({{{"loss", {0.5, 1}}, {"nll", {3, 4}}}});
  EXPECT_EQ(tally, (Tally{{{"loss", {1.5, 3}}, {"nll", {3, 4}}}}));
  EXPECT_TRUE(tally.find("confusion").empty());
  EXPECT_THROW(tally.merge({{{"loss", {1, 2, 3}}}}), std::logic_error);
}

TEST(RegistryTest, NamesAreWordsAndEachMeansOneThing) {
  std::map<std::string, Metric> seen;
  for (const Kind& kind : kinds()) {
    EXPECT_EQ(find_kind(kind.name), &kind);
    for (const Metric& metric : kind.metrics) {
      const std::string name = metric.name;
      EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos) << name;
      const auto [at, fresh] = seen.emplace(name, metric);  // macro F1 is of several kinds
      EXPECT_EQ(at->second.title, std::string(metric.title)) << name;
      EXPECT_EQ(at->second.better, metric.better) << name;
      EXPECT_EQ(at->second.shown, metric.shown) << name;
    }
  }
  EXPECT_EQ(find_kind("none"), nullptr);
}

TEST(RegistryTest, ValuesAreThoseThatAreDefined) {
  const Tally tally = binary_tally(4, 3, 0.5);
  EXPECT_THAT(values(tally), testing::UnorderedElementsAre(std::pair("accuracy", 0.75), std::pair("loss", 0.5),
                                                           std::pair("macro_f1", 3.0 / 7), std::pair("mcc", 0)));
  EXPECT_TRUE(values(classification_scheme(2).zero).empty()) << "nothing was counted";
  EXPECT_EQ(value(tally, "perplexity"), std::nullopt);
  EXPECT_DOUBLE_EQ(value({{{"nll", {20, 10}}}}, "perplexity").value(), std::exp(2));
  EXPECT_THROW(values({{{"none", {1}}}}), std::logic_error);
}

std::vector<std::string> listed_names(const Tally& tally, std::string_view primary) {
  std::vector<std::string> names;
  for (const auto& [name, value] : listed(tally, primary)) names.push_back(name);
  return names;
}

TEST(RegistryTest, PeopleReadTheMostImportantFirst) {
  Tally pairs{{{"loss", {20, 10}}}};
  add_ranking(pairs, Query::image, CountsView(std::vector<double>{1}), 1, 0);
  add_ranking(pairs, Query::text, CountsView(std::vector<double>{1}), 1, 0);
  EXPECT_THAT(listed_names(pairs, "mean_recall"),
              testing::ElementsAre("mean_recall", "loss", "text_recall_at_1", "text_recall_at_5", "text_recall_at_10",
                                   "image_recall_at_1", "image_recall_at_5", "image_recall_at_10"));
  EXPECT_THAT(listed_names({{{"confusion", {33, 7, 0, 0}}}}, "accuracy"),
              testing::ElementsAre("accuracy", "macro_f1", "mcc"));
  Tally numbers{{{"loss", {20, 10}}}};
  add_regression(numbers, 1, 2);
  EXPECT_THAT(listed_names(numbers, "mse"), testing::ElementsAre("mse", "mae")) << "the loss is the MSE";
  EXPECT_THAT(listed_names(numbers, "loss"), testing::ElementsAre("loss", "mse", "mae"));
  Tally words{{{"nll", {20, 10}}}};
  add_token_labels(words, {"x"}, {"B-x"}, {"B-x"});
  EXPECT_THAT(listed_names(words, "entity_f1"),
              testing::ElementsAre("entity_f1", "nll", "token_accuracy", "entity_precision", "entity_recall"));
}

TEST(RegistryTest, ALossIsOfExamplesOrOfTokens) {
  EXPECT_EQ(loss({{{"loss", {20, 10}}, {"nll", {30, 10}}}}), 2);
  EXPECT_EQ(loss({{{"nll", {30, 10}}}}), 3);
  EXPECT_EQ(loss({}), std::nullopt);
}

TEST(RegistryTest, SaysHowAMetricIsReadAndShown) {
  EXPECT_TRUE(is_better("accuracy", 0.6, 0.5));
  EXPECT_FALSE(is_better("accuracy", 0.5, 0.5));
  EXPECT_TRUE(is_better("perplexity", 10, 12));
  EXPECT_FALSE(is_better("loss", std::nan(""), 1));
  EXPECT_THROW(is_better("none", 1, 2), std::logic_error);
  EXPECT_TRUE(is_better("accuracy", Standing{0.6, 2}, {0.5, 1}));
  EXPECT_TRUE(is_better("accuracy", Standing{0.5, 1}, {0.5, 2}));
  EXPECT_FALSE(is_better("accuracy", Standing{0.5, std::nan("")}, {0.5, 2}));
  EXPECT_EQ(shown("accuracy", 0.8251), "82.5 %");
  EXPECT_EQ(shown("mcc", 0.8251), "0.8251");
  EXPECT_EQ(shown("none", 0.5), "0.5000");
  EXPECT_EQ(title("macro_f1"), "macro F1");
}

std::string fault(const Tally& tally, std::uint64_t examples = 4) {
  return fault_of(tally, classification_scheme(2), examples).value_or("none");
}

TEST(SchemeTest, PrimaryMetricsFollowFromWhatIsCounted) {
  for (const Scheme& scheme :
       {classification_scheme(2), classification_scheme(40), multi_label_scheme(3), regression_scheme(),
        token_labels_scheme({"O", "B-a", "I-a", "B-b"}), language_scheme(), image_text_scheme()}) {
    bool follows = false;
    for (const auto& [name, counts] : scheme.zero.parts) {
      const Kind* kind = find_kind(name);
      ASSERT_NE(kind, nullptr) << name;
      EXPECT_TRUE(kind->plausible(counts)) << name;
      for (const Metric& metric : kind->metrics) follows = follows || metric.name == scheme.primary;
    }
    EXPECT_TRUE(follows) << scheme.primary;
    EXPECT_FALSE(fault_of(scheme.zero, scheme, 0));
    EXPECT_EQ(value(scheme.zero, scheme.primary), std::nullopt) << "nothing was counted";
  }
  EXPECT_EQ(classification_scheme(2).zero.find("auroc").size(), 2 * kAurocBins);
  EXPECT_EQ(classification_scheme(3).zero.find("auroc").size(), 3 * 2 * kAurocBins);
  EXPECT_TRUE(classification_scheme(kAurocClasses + 1).zero.find("auroc").empty());
}

TEST(SchemeTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(fault(binary_tally(4, 3, 0.5)), "none");
  EXPECT_EQ(fault(binary_tally(4, 3)), "none") << "a kind may be missing";
  EXPECT_EQ(fault({}), "none");
  EXPECT_THAT(fault(binary_tally(5, 3)), HasSubstr("over 5 examples, expected 4"));
  EXPECT_THAT(fault({{{"confusion", {4}}}}), HasSubstr("1 counts of \"confusion\", expected 4"));
  EXPECT_THAT(fault({{{"nll", {1, 4}}}}), HasSubstr("\"nll\", which this task does not have"));
  EXPECT_THAT(fault({{{"none", {1, 4}}}}), HasSubstr("\"none\", which this task does not have"));
  for (const Counts& counts : {Counts{5, -1, 0, 0}, {3.5, 0.5, 0, 0}, {1e13, 0, 0, 0}, {NAN, 0, 0, 4}})
    EXPECT_THAT(fault({{{"confusion", counts}}}), HasSubstr("counts of \"confusion\" that cannot be"));
  for (const Counts& counts : {Counts{-1, 4}, {HUGE_VAL, 4}, {1e200, 4}, {1, 3.5}})
    EXPECT_THAT(fault({{{"loss", counts}}}), HasSubstr("counts of \"loss\" that cannot be"));
}

// Of any length and any numbers, to each kind: an answer, and no value that is not finite after a yes.
TEST(SchemeTest, EveryKindJudgesAnything) {
  const double numbers[] = {0, 1, 2, 0.5, -1, 1e12, 1e99, -1e99, 1e300, HUGE_VAL, NAN};
  for (const Kind& kind : kinds())
    for (std::size_t size : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 8U, 9U, 512U, 1536U})
      for (const double first : numbers)
        for (const double rest : numbers) {
          Counts counts(size, rest);
          if (size > 0) counts[0] = first;
          if (!kind.plausible(counts)) continue;
          ASSERT_GT(size, 0U) << kind.name;
          EXPECT_EQ(kind.values(counts).size(), kind.metrics.size());
          kind.examples(counts);
        }
}

TEST(SchemeTest, KindsRefuseWhatContradictsItself) {
  const auto plausible = [](const char* kind, const Counts& counts) { return find_kind(kind)->plausible(counts); };
  EXPECT_TRUE(plausible("multi_label", {4, 2, 1, 1, 2}));
  EXPECT_FALSE(plausible("multi_label", {4, 5, 1, 1, 2})) << "more right than there are";
  EXPECT_FALSE(plausible("multi_label", {4, 2, 2, 1, 2})) << "more of a label than examples";
  EXPECT_TRUE(plausible("token_labels", {9, 5, 3, 4, 3}));
  EXPECT_FALSE(plausible("token_labels", {9, 5, 3, 4, 4})) << "more found than there are";
  EXPECT_TRUE(plausible("token_labels", {9, 5, 3, 4, 3, 6, 5, 5}));
  EXPECT_FALSE(plausible("token_labels", {9, 5, 3, 4, 3, 7, 5, 5})) << "more entities than tokens";
  EXPECT_FALSE(plausible("token_labels", {9, 5, 3, 4}));
  EXPECT_TRUE(plausible("generated_text", {4, 1, 3.5, 4}));
  EXPECT_FALSE(plausible("generated_text", {4, 1, 4.5, 4}));
  EXPECT_TRUE(plausible("ranking", {4, 1, 2, 3, 4, 0, 0, 4}));
  EXPECT_FALSE(plausible("ranking", {4, 3, 2, 3, 4, 0, 0, 4})) << "among the first 1 and not the first 5";
  Tally tally;
  add_auroc(tally, 1, Counts{0, 1, 2});
  Counts& counts = tally.parts.at("auroc");
  EXPECT_TRUE(plausible("auroc", counts));
  counts[0] += 1;
  EXPECT_FALSE(plausible("auroc", counts)) << "each class counts every example";
}

}  // namespace
}  // namespace weft::metrics
