// Each refusal says what, got and expected.
#include "common/fl/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace weft::fl {
namespace {

using testing::HasSubstr;

const AggregationConfig kLimits{.max_update_norm = 5, .max_examples = 1000};
const Expected kExpected{.round = 4, .version = 3, .bytes = 4096, .examples = 120};
const Claim kFine{.round = 4, .version = 3, .bytes = 4096, .examples = 120};

std::string why(const Claim& claim) { return refusal(claim, kExpected, kLimits).value_or("admitted"); }
std::string why(const std::vector<float>& update) { return refusal(update, kLimits).value_or("admitted"); }

TEST(AdmissionTest, ClaimAsExpectedIsAdmitted) { EXPECT_EQ(why(kFine), "admitted"); }

TEST(AdmissionTest, RefusesAClaimByTheFieldThatIsWrong) {
  Claim claim = kFine;
  claim.round = 3;
  EXPECT_THAT(why(claim), HasSubstr("round: got 3, expected 4 (it came too late)"));
  claim.round = 5;
  EXPECT_THAT(why(claim), HasSubstr("round: got 5, expected 4"));
  claim = kFine;
  claim.version = 2;
  EXPECT_THAT(why(claim), HasSubstr("version: got 2, expected 3"));
  claim = kFine;
  claim.bytes = 4100;
  EXPECT_THAT(why(claim), HasSubstr("bytes: got 4100, expected 4096"));
  claim = kFine;
  claim.examples = 121;
  EXPECT_THAT(why(claim), HasSubstr("examples: got 121, expected 120"));
  claim.examples = 0;
  EXPECT_THAT(why(claim), HasSubstr("examples: got 0"));
}

TEST(AdmissionTest, RefusesMoreExamplesThanOneSiteMayHave) {
  Claim claim = kFine;
  Expected expected = kExpected;
  claim.examples = expected.examples = 1000;
  EXPECT_EQ(refusal(claim, expected, kLimits), std::nullopt);
  claim.examples = expected.examples = 1001;
  EXPECT_THAT(refusal(claim, expected, kLimits).value_or(""),
              AllOf(HasSubstr("got 1001, limit 1000"), HasSubstr("aggregation.max_examples")));
}

TEST(AdmissionTest, RefusesNumbersThatAreNoneAtAnyPlace) {
  for (const std::size_t size : {1U, 7U, 8U, 9U, 40U})
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<float> update(size, 0.25F);
      const std::string place = " at " + std::to_string(at) + " of " + std::to_string(size);
      update[at] = std::nanf("");
      EXPECT_THAT(why(update), HasSubstr("got NaN" + place));
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

}  // namespace
}  // namespace weft::fl
