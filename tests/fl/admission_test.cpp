// Each refusal says what, got and expected.
#include "common/fl/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace weft::fl {
namespace {

using testing::HasSubstr;

const AggregationConfig kLimits{.max_update_norm = 5, .max_examples = 1000};
const Expected kExpected{.round = 4, .version = 3, .bytes = 4096, .examples = 120};
const Claim kFine{.round = 4, .version = 3, .bytes = 4096, .examples = 120};

// "size: bytes: got 4, expected 8", or "admitted".
std::string text(const std::optional<Refusal>& refusal) {
  return refusal ? std::string(name_of(refusal->kind)) + ": " + refusal->reason : "admitted";
}
std::string why(const Claim& claim) { return text(refusal(claim, kExpected, kLimits)); }
// By one piece, and by pieces that cut values and blocks anywhere.
std::string why(const std::vector<float>& update, std::optional<double> median = {}) {
  const NormSum whole(update);
  const ByteSpan bytes = bytes_of(std::span<const float>(update));
  for (const std::size_t piece : {1U, 5U, 31U, 32U, 67U}) {
    NormSum pieces;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      pieces.add(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    EXPECT_TRUE(pieces.norm() == whole.norm() || std::isnan(whole.norm())) << piece;
    EXPECT_EQ(text(refusal(pieces, median, kLimits)), text(refusal(whole, median, kLimits))) << piece;
  }
  return text(refusal(whole, median, kLimits));
}

TEST(AdmissionTest, ClaimAsExpectedIsAdmitted) { EXPECT_EQ(why(kFine), "admitted"); }

TEST(AdmissionTest, RefusesAClaimByTheFieldThatIsWrong) {
  Claim claim = kFine;
  claim.round = 3;
  EXPECT_THAT(why(claim), HasSubstr("late: round: got 3, expected 4 (it came too late)"));
  claim.round = 5;
  EXPECT_THAT(why(claim), HasSubstr("round: got 5, expected 4"));
  claim = kFine;
  claim.version = 2;
  EXPECT_THAT(why(claim), HasSubstr("version: version: got 2, expected 3"));
  claim = kFine;
  claim.bytes = 4100;
  EXPECT_THAT(why(claim), HasSubstr("size: bytes: got 4100, expected 4096"));
  claim = kFine;
  claim.examples = 121;
  EXPECT_THAT(why(claim), HasSubstr("examples: examples: got 121, expected 120"));
  claim.examples = 0;
  EXPECT_THAT(why(claim), HasSubstr("examples: got 0"));
}

TEST(AdmissionTest, RefusesStepsThatWereNotAskedForWhereTheyCount) {
  Expected expected = kExpected;
  Claim claim = kFine;
  const auto said = [&](std::optional<double> steps) {
    claim.steps = steps;
    return text(refusal(claim, expected, kLimits));
  };
  EXPECT_EQ(said(1e9), "admitted") << "they do not count";
  expected.least_steps = 4;
  expected.most_steps = 20;
  for (const double fine : {4.0, 7.0, 20.0}) EXPECT_EQ(said(fine), "admitted");
  for (const double bad : {3.0, 21.0, 7.5, 0.0, -5.0})
    EXPECT_THAT(said(bad), HasSubstr("a whole number from 4 to 20")) << bad;
  EXPECT_THAT(said(std::nullopt), HasSubstr("steps: got none"));
  expected.least_steps = 20;
  EXPECT_THAT(said(4), HasSubstr("steps: got 4, expected 20"));
}

TEST(AdmissionTest, RefusesMoreExamplesThanOneSiteMayHave) {
  Claim claim = kFine;
  Expected expected = kExpected;
  claim.examples = expected.examples = 1000;
  EXPECT_EQ(text(refusal(claim, expected, kLimits)), "admitted");
  claim.examples = expected.examples = 1001;
  EXPECT_THAT(text(refusal(claim, expected, kLimits)),
              AllOf(HasSubstr("got 1001, limit 1000"), HasSubstr("aggregation.max_examples")));
}

TEST(AdmissionTest, RefusesNumbersThatAreNoneAtAnyPlace) {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 40U})
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<float> update(size, 0.25F);
      const std::string place = " at " + std::to_string(at) + " of " + std::to_string(size);
      update[at] = std::nanf("");
      EXPECT_THAT(why(update), HasSubstr("not_finite: values: got NaN" + place));
      update[at] = -std::numeric_limits<float>::infinity();
      EXPECT_THAT(why(update), HasSubstr("got Inf" + place));
      update[at] = 0;
      EXPECT_EQ(why(update), "admitted");
    }
}

TEST(AdmissionTest, RefusesANormBeyondTheLimit) {
  EXPECT_EQ(why(std::vector<float>{3, 4}), "admitted");
  EXPECT_EQ(why(std::vector<float>{}), "admitted");
  EXPECT_THAT(why(std::vector<float>{3, std::nextafter(4.0F, 5.0F)}), HasSubstr("limit 5"));
  EXPECT_THAT(why(std::vector<float>(101, -0.5F)),
              AllOf(HasSubstr("norm: got 5.02494, limit 5"), HasSubstr("aggregation.max_update_norm")));
  EXPECT_THAT(why(std::vector<float>(16, std::numeric_limits<float>::max())), HasSubstr("norm: got 1.36"));
}

TEST(AdmissionTest, RefusesANormFarBeyondTheMedianOfTheUpdatesSoFar) {
  AggregationConfig limits{.max_update_norm = 1e9, .max_norm_ratio = 10};
  const auto judged = [&](float norm, std::optional<double> median) {
    const std::vector<float> update{norm};
    return text(refusal(NormSum(update), median, limits));
  };
  EXPECT_EQ(judged(20, 2), "admitted");
  EXPECT_THAT(judged(20.5F, 2), AllOf(HasSubstr("norm: norm: got 20.5, limit 20, which is 10 times the median"),
                                      HasSubstr("aggregation.max_norm_ratio")));
  EXPECT_EQ(judged(1e8F, std::nullopt), "admitted") << "too few updates to compare with";
  limits.max_norm_ratio = 0;
  EXPECT_EQ(judged(1e8F, 2), "admitted");
}

TEST(AdmissionTest, TheMedianNeedsEnoughNormsAndAnyProgress) {
  std::vector<double> norms(kLeastNorms - 1, 3);
  EXPECT_EQ(median_norm(norms), std::nullopt);
  norms.insert(norms.begin(), 1e6);  // one that got in does not move it
  EXPECT_EQ(median_norm(norms), 3);
  norms[3] = 2;
  norms[4] = 1;
  EXPECT_EQ(median_norm(norms), 3) << "in any order";
  EXPECT_EQ(median_norm(std::vector<double>(100, 0)), std::nullopt) << "a ratio to zero would refuse everything";
}

TEST(AdmissionTest, EveryKindOfRefusalHasAName) {
  std::set<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(RefusalKind::repeated); ++kind) {
    const auto each = static_cast<RefusalKind>(kind);
    EXPECT_TRUE(names.insert(name_of(each)).second) << name_of(each);
    EXPECT_EQ(is_of_update(each), is_of_update(name_of(each)));
  }
  EXPECT_TRUE(is_of_update("norm"));
  EXPECT_FALSE(is_of_update("late"));
  EXPECT_FALSE(is_of_update("none"));
}

}  // namespace
}  // namespace weft::fl
