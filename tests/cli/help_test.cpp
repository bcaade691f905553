// What the binary says of itself.
#include <gtest/gtest.h>

#include "tests/cli/weft_support.h"

namespace weft::cli {
namespace {

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
}

TEST(HelpTest, NamesEverySubcommandWithExamples) {
  const Ended ended = weft({"--help"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  expect_parts(ended.out, {"simulate", "coordinator", "worker", "pki", "ledger", "doctor", "evaluate", "export",
                           "generate", "weft simulate configs/"});
  EXPECT_EQ(weft({}).out, ended.out);  // bare weft helps too
}

TEST(HelpTest, VersionNamesWhatIsLinkedAndTheDevices) {
  const Ended ended = weft({"--version"});
  EXPECT_EQ(ended.code, 0);
  expect_parts(ended.out, {"weft 0.", "LibTorch 2.", "ZeroMQ   4.", "OpenSSL 3.", "devices  cpu ("});
}

TEST(HelpTest, PkiShowsHowItIsUsed) { expect_parts(weft({"pki", "--help"}).out, {"weft pki init", "--host fl."}); }

TEST(HelpTest, AWrongFlagIsAConfigurationError) {
  for (const Arguments& arguments : {Arguments{"frobnicate"}, Arguments{"simulate"}, Arguments{"worker", "--nonsense"}})
    EXPECT_EQ(weft(arguments).code, 2) << arguments.front();
}

TEST(HelpTest, SaysWhatAMistypedWordMayMean) {
  expect_parts(weft({"simulat"}).err, {"Did you mean simulate?"});
  expect_parts(weft({"generate", ".", "--promt=x"}).err, {"Did you mean --prompt?"});
  expect_parts(weft({"pki", "issu", "coordinator"}).err, {"Did you mean issue?"});
  EXPECT_EQ(weft({"frobnicate"}).err.find("Did you mean"), std::string::npos);
}

}  // namespace
}  // namespace weft::cli
