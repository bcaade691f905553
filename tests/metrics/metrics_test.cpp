// Every kind against the values of scikit-learn, seqeval and rouge_score, and by the property that sites may add up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/generated_text.h"
#include "common/metrics/loss.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/ranking.h"
#include "common/metrics/registry.h"
#include "common/metrics/regression.h"
#include "common/metrics/token_labels.h"

namespace weft::metrics {
namespace {

constexpr double kTolerance = 1e-12;

// From scripts/make_metrics_fixtures.py.
nlohmann::json golden(const char* part) {
  std::ifstream file(std::string(WEFT_SOURCE_DIR) + "/tests/fixtures/metrics/golden.json");
  return nlohmann::json::parse(file).at(part);
}

void expect_values(const Tally& tally, const nlohmann::json& expected, std::initializer_list<const char*> names) {
  for (const char* name : names)
    EXPECT_NEAR(value(tally, name).value(), expected.at(name).get<double>(), kTolerance) << name;
}

TEST(ConfusionMatrixTest, ScoresAreThoseOfScikitLearn) {
  for (const auto& expected : golden("confusions")) {
    const auto& rows = expected.at("counts");
    ConfusionMatrix matrix(rows.size());
    for (std::size_t label = 0; label < rows.size(); ++label)
      for (std::size_t prediction = 0; prediction < rows.size(); ++prediction)
        matrix.add(label, prediction, rows.at(label).at(prediction));
    SCOPED_TRACE(expected.at("name"));
    Tally tally;
    add_confusion(tally, matrix);
    expect_values(tally, expected, {"accuracy", "macro_f1", "mcc"});
  }
}

TEST(ConfusionMatrixTest, CountsByLabelThenPrediction) {
  ConfusionMatrix matrix(2);
  matrix.add(0, 1, 3);
  matrix.add(1, 1);
  EXPECT_EQ(matrix.counts(), (Counts{0, 3, 0, 1}));
  EXPECT_EQ(ConfusionMatrix(CountsView(matrix.counts())).count(0, 1), 3);
  EXPECT_EQ(ConfusionMatrix(3).accuracy(), 0);
  EXPECT_THROW(matrix.add(2, 0), std::logic_error);
}

TEST(MultiLabelTest, ScoresAreThoseOfScikitLearn) {
  const auto expected = golden("multi_label");
  Tally tally;
  for (std::size_t i = 0; i < expected.at("labels").size(); ++i)
    add_multi_label(tally, expected.at("labels")[i].get<std::vector<bool>>(),
                    expected.at("predictions")[i].get<std::vector<bool>>());
  expect_values(tally, expected, {"micro_f1", "macro_f1", "subset_accuracy"});
}

TEST(RegressionTest, ScoresAreThoseOfScikitLearnAndNumpy) {
  const auto expected = golden("regression");
  Tally tally;
  for (std::size_t i = 0; i < expected.at("targets").size(); ++i)
    add_regression(tally, expected.at("targets")[i], expected.at("predictions")[i]);
  expect_values(tally, expected, {"mse", "mae", "pearson"});
  Tally constant;
  for (int i = 0; i < 3; ++i) add_regression(constant, 2, i);
  EXPECT_FALSE(value(constant, "pearson")) << "not defined without a spread";
}

TEST(AurocTest, IsWithinItsErrorOfTheExactArea) {
  for (const auto& expected : golden("aurocs")) {
    Tally tally;
    for (std::size_t i = 0; i < expected.at("labels").size(); ++i)
      add_auroc(tally, expected.at("labels")[i], expected.at("scores")[i].get<Counts>());
    const double error = auroc_error(tally.find("auroc")),
                 off = std::abs(auroc(tally.find("auroc")) - expected.at("auroc").get<double>());
    SCOPED_TRACE(expected.at("name"));
    EXPECT_LE(off, error + 1e-12);
    const bool ties = expected.at("name") == "ties" || expected.at("name") == "one score";
    if (ties)
      EXPECT_LE(off, kTolerance) << "equal scores are exact";
    else
      EXPECT_LT(error, 0.01);
    EXPECT_LT(off, 0.001);
  }
}

TEST(AurocTest, LogOddsAreThoseOfASoftmax) {
  EXPECT_EQ(log_odds(Counts{1, 3.5}), (Counts{2.5}));
  const Counts logits{0.5, -1, 2}, odds = log_odds(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  for (std::size_t c = 0; c < 3; ++c) {
    const double part = std::exp(logits[c]) / sum;
    EXPECT_NEAR(odds[c], std::log(part / (1 - part)), kTolerance);
  }
  EXPECT_NEAR(log_odds(Counts{900, 0, 1})[0], 899 - std::log1p(std::exp(-1)), kTolerance) << "without overflow";
}

TEST(AurocTest, ExtremeAndBrokenScoresHaveAPlace) {
  Tally tally;
  for (const double score : {1e300, HUGE_VAL, 18.0}) add_auroc(tally, 1, Counts{score});
  for (const double score : {-1e300, -HUGE_VAL, std::nan("")}) add_auroc(tally, 0, Counts{score});
  EXPECT_EQ(value(tally, "auroc"), 1);
  Tally one_sided;
  add_auroc(one_sided, 1, Counts{0.5});
  EXPECT_FALSE(value(one_sided, "auroc")) << "not defined without negatives";
}

TEST(TokenLabelsTest, ScoresAreThoseOfSeqeval) {
  using Tags = std::vector<std::string>;
  const auto expected = golden("token_labels");
  Tally tally;
  for (std::size_t i = 0; i < expected.at("tags").size(); ++i)
    add_token_labels(tally, {"LOC", "PER"}, expected.at("tags")[i].get<Tags>(),
                     expected.at("predicted")[i].get<Tags>());
  expect_values(tally, expected, {"token_accuracy", "entity_precision", "entity_recall", "entity_f1"});
}

TEST(TokenLabelsTest, EveryTypeIsCountedForItself) {
  const std::vector<std::string> types = entity_types({"O", "B-PER", "I-PER", "I-LOC"});
  EXPECT_EQ(types, (std::vector<std::string>{"PER", "LOC"}));
  Tally tally;
  add_token_labels(tally, types, {"B-PER", "I-PER", "O", "I-LOC"}, {"B-PER", "I-PER", "B-PER", "O"});
  const std::vector<Found> found = found_of_entities(tally);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(std::tie(found[0].right, found[0].wrong, found[0].missed), std::tuple(1, 1, 0));
  EXPECT_EQ(std::tie(found[1].right, found[1].wrong, found[1].missed), std::tuple(0, 0, 1));
  EXPECT_EQ(value(tally, "entity_precision"), 0.5);
  EXPECT_TRUE(found_of_entities({}).empty());
  EXPECT_THROW(add_token_labels(tally, types, {"B-ORG"}, {"O"}), std::logic_error);
}

TEST(TokenLabelsTest, EntitiesAreConllevals) {
  const auto spans = [](const std::vector<std::string>& tags) {
    std::string text;
    for (const Entity& entity : entities(tags))
      text += entity.type + std::to_string(entity.first) + std::to_string(entity.last) + " ";
    return text;
  };
  EXPECT_EQ(spans({"B-A", "I-A", "O", "I-A"}), "A01 A33 ") << "an I- after O begins one";
  EXPECT_EQ(spans({"B-A", "B-A", "I-B", "I-A"}), "A00 A11 B22 A33 ");
  EXPECT_EQ(spans({"X", "I-A", "", "I-A"}), "A11 A33 ");
}

TEST(GeneratedTextTest, RougeIsGooglesWithoutStemming) {
  for (const auto& pair : golden("rouge")) {
    const std::string expected = pair.at("expected"), written = pair.at("written");
    EXPECT_NEAR(rouge_l(expected, written), pair.at("rouge_l").get<double>(), kTolerance)
        << expected << " / " << written;
  }
}

// By hand, after SQuAD's definition.
TEST(GeneratedTextTest, MatchesAreSquads) {
  EXPECT_TRUE(exact_match("The Eiffel Tower!", " eiffel  tower"));
  EXPECT_TRUE(exact_match("the-end", "theend")) << "punctuation goes, it does not part words";
  EXPECT_FALSE(exact_match("Paris", "in Paris"));
  EXPECT_FALSE(exact_match("theatre", "atre"));
  EXPECT_DOUBLE_EQ(token_f1("a cat and a dog", "the dog and cat ran"), 6.0 / 7) << "3 of 3 found, 3 of 4 right";
  EXPECT_DOUBLE_EQ(token_f1("no no yes", "no"), 0.5) << "words are a bag";
  EXPECT_EQ(token_f1("", "the"), 1);
  EXPECT_EQ(token_f1("", "cat"), 0);
  EXPECT_EQ(token_f1("cat", "dog"), 0);
}

// Of n images and n texts, image after image; a block of two rows at a time.
void add_all_ranks(Tally& tally, const Counts& scores, std::size_t n) {
  Counts turned(scores.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) turned[j * n + i] = scores[i * n + j];
  for (std::size_t first = 0; first < n; first += 2) {
    const std::size_t rows = std::min<std::size_t>(2, n - first);
    add_ranking(tally, Query::image, CountsView(scores).subspan(first * n, rows * n), n, first);
    add_ranking(tally, Query::text, CountsView(turned).subspan(first * n, rows * n), n, first);
  }
}

TEST(RankingTest, CountsWhatComesBeforeItsOwn) {
  // Image 0 finds its text first, image 1 second (equal to an earlier one), image 2 third; texts: 1st, 1st, 3rd.
  const Counts scores{0.9, 0.1, 0.8,  //
                      0.5, 0.5, 0.2,  //
                      0.7, 0.4, 0.1};
  Tally tally;
  add_all_ranks(tally, scores, 3);
  EXPECT_EQ(tally.parts.at("ranking"), (Counts{3, 1, 3, 3, 3, 2, 3, 3}));
  EXPECT_DOUBLE_EQ(value(tally, "text_recall_at_1").value(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value(tally, "image_recall_at_1").value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(value(tally, "mean_recall").value(), 5.0 / 6);
  Tally broken;
  add_all_ranks(broken, Counts(400, std::nan("")), 20);
  EXPECT_EQ(value(broken, "mean_recall"), 0) << "what is not a number finds nothing";
}

// One random example for each kind.
void add_example(Tally& tally, std::mt19937& random) {
  const auto real = [&] { return std::normal_distribution<double>()(random); };
  const auto below = [&](std::size_t bound) { return random() % bound; };
  const auto tags = [&] {
    const std::vector<std::string> names{"O", "B-A", "I-A", "I-B"};
    std::vector<std::string> text(7);
    for (auto& tag : text) tag = names[below(4)];
    return text;
  };
  const auto flags = [&] { return std::vector<bool>{below(2) == 1, below(2) == 1, below(2) == 1}; };
  const auto text = [&] { return std::string(below(2) == 1 ? "red " : "") + (below(2) == 1 ? "green " : "") + "blue"; };
  ConfusionMatrix confusion(3);
  confusion.add(below(3), below(3));
  add_confusion(tally, confusion);
  add_multi_label(tally, flags(), flags());
  add_regression(tally, real(), real());
  add_auroc(tally, below(3), Counts{real(), real(), real()});
  add_token_labels(tally, {"A", "B"}, tags(), tags());
  add_generated_text(tally, text(), text());
  Counts scores(16);
  for (double& score : scores) score = real();
  add_all_ranks(tally, scores, 4);
  add_loss(tally, std::abs(real()), 1);
  add_nll(tally, std::abs(real()), 1 + static_cast<double>(below(9)));
}

bool counts_alone(const std::string& kind) {
  return kind != "loss" && kind != "nll" && kind != "regression" && kind != "generated_text";
}

TEST(MergeTest, PartsAddUpToTheWhole) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    Tally whole;
    std::vector<Tally> sites(4);
    for (std::size_t i = 0; i < 60; ++i) {
      std::mt19937 again = random;
      add_example(whole, random);
      add_example(sites[i * i % 3], again);  // the last site has none
    }
    Tally forth, back;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      forth.merge(sites[i]);
      back.merge(sites[sites.size() - 1 - i]);
    }
    ASSERT_EQ(whole.parts.size(), kinds().size());
    for (const Kind& kind : kinds()) {
      EXPECT_TRUE(kind.plausible(whole.find(kind.name))) << kind.name;
      if (!counts_alone(kind.name)) continue;
      EXPECT_EQ(forth.parts.at(kind.name), whole.parts.at(kind.name)) << kind.name;
      EXPECT_EQ(back.parts.at(kind.name), whole.parts.at(kind.name)) << kind.name;
    }
    const auto expected = values(whole);
    EXPECT_GT(expected.size(), 20U);
    for (const auto& [name, number] : values(forth)) EXPECT_NEAR(number, expected.at(name), 1e-12) << name;
  }
}

}  // namespace
}  // namespace weft::metrics
