// The live block, byte for byte, under a clock that a test moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/telemetry/run_board.h"
#include "common/telemetry/table.h"
#include "common/telemetry/terminal_view.h"

namespace weft::telemetry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class LiveViewTest : public testing::Test {
 protected:
  std::string on(const RunEvent& event) {
    written_.clear();
    view_.on(event);
    return written_;
  }
  ManualClock clock_;
  TerminalSize size_{70, 24};
  std::string written_;
  LiveView view_{[this](std::string_view text) { written_ += text; }, clock_, [this] { return size_; }};
};

TEST_F(LiveViewTest, GoldenScript) {
  EXPECT_EQ(on(SiteJoined{"films", {}}), "before the first round\n  films  ready\n");
  EXPECT_EQ(on(RoundStarted{1, 6, {"films", "tweets"}}),
            "\033[2A\r\033[J"
            "round 1/6\n  films   asked\n  tweets  asked\n");
  clock_.advance(Milliseconds(500));
  EXPECT_EQ(on(SiteProgress{"films", "training", 10, 40, 4321}),
            "\033[3A\r\033[J"
            "round 1/6\n  films   training    [#####...............]  10/40  4321 tokens/s\n  tweets  asked\n");
  EXPECT_EQ(on(Waiting{{"films", "tweets"}, "updates", 90}),
            "\033[3A\r\033[J"
            "round 1/6\n  films   training    [#####...............]  10/40  4321 tokens/s\n  tweets  asked\n"
            "waiting for updates from films, tweets, 1 min 30 s left\n");
  clock_.advance(Milliseconds(31'000));
  EXPECT_EQ(on(UpdateAccepted{1, "films", 320, {}}),
            "\033[4A\r\033[J"
            "round 1/6\n  films   update is in\n  tweets  asked\n"
            "waiting for updates from films, tweets, 59 s left\n");
  EXPECT_EQ(on(RoundCommitted{1, 6, {"films"}, 0.5, 31.5, 2048, 1024, "ee"}),
            "\033[4A\r\033[J"
            "round 1/6 committed: loss 0.5000, 1 updates, 2.0 KiB up, 1.0 KiB down, 31.5 s\n"
            "round 1/6   loss 0.5000\n  films   update is in\n  tweets  asked\n");
}

TEST_F(LiveViewTest, LinesOfTheLogStandAboveTheBlock) {
  on(SiteJoined{"films", {}});
  written_.clear();
  view_.keep("12:00:00 warning stopping\033[2J");
  EXPECT_EQ(written_,
            "\033[2A\r\033[J"
            "12:00:00 warning stopping?[2J\n"
            "before the first round\n  films  ready\n");
}

TEST_F(LiveViewTest, ProgressIsDrawnTenTimesASecondAtMost) {
  EXPECT_NE(on(SiteProgress{"a", "training", 0, 40, 0}), "");
  EXPECT_EQ(on(SiteProgress{"a", "training", 1, 40, 0}), "");
  clock_.advance(Milliseconds(99));
  EXPECT_EQ(on(SiteProgress{"a", "training", 2, 40, 0}), "");
  clock_.advance(Milliseconds(1));
  EXPECT_THAT(on(SiteProgress{"a", "training", 3, 40, 0}), HasSubstr(" 3/40"));
  EXPECT_THAT(on(SiteLeft{"a", "gone"}), HasSubstr("a left: gone\n"));  // at once
}

TEST_F(LiveViewTest, ForeignTextCannotMoveTheCursor) {
  const std::string evil =
      "x\033[9A\r\n\xC2\x9B"
      "2J\x9B";
  for (const RunEvent& event :
       std::vector<RunEvent>{SiteLeft{"a", evil}, UpdateRefused{1, "a", evil}, SiteProgress{"b", evil, 1, 2, 3},
                             Waiting{{evil}, evil, {}}, RunFinished{1, evil, evil}}) {
    clock_.advance(Milliseconds(1000));
    std::string text = on(event);
    const std::size_t up = text.find("\033[J");
    if (up != std::string::npos) text.erase(0, up + 3);
    EXPECT_THAT(text, HasSubstr("x?[9A  ?2J?"));
    EXPECT_EQ(text.find_first_of("\033\r"), std::string::npos) << text;
    EXPECT_THAT(text, Not(HasSubstr("\xC2\x9B")));
  }
}

TEST_F(LiveViewTest, FollowsTheWindowAndFitsIntoIt) {
  std::vector<std::string> cohort;
  for (int i = 10; i < 40; ++i) cohort.push_back("site-" + std::to_string(i));
  on(RoundStarted{1, 1, cohort});
  on(Waiting{cohort, "updates", {}});
  clock_.advance(Milliseconds(100));
  size_ = {20, 6};
  // 22 of 30 sites fitted before; the busy one comes first now.
  EXPECT_EQ(on(SiteProgress{"site-39", "training", 1, 2, 0}),
            "\033[23A\r\033[J"
            "round 1/1\n"
            "  site-39  training\n"
            "  site-10  asked\n"
            "  and 28 more sites\n"
            "waiting for updates\n");
  size_ = {0, 0};
  clock_.advance(Milliseconds(100));
  EXPECT_THAT(on(SiteProgress{"site-39", "training", 2, 2, 0}), HasSubstr("\033[5A\r\033[J"));
}

TEST(RunBoardTest, ShowsTheValidationScoreOfAllSitesTogether) {
  RunBoard board;
  board.apply(RoundStarted{3, 0, {"a", "b"}});
  board.apply(SiteScored{"a", "validation", 2, 300, {{{"confusion", {270, 30, 0, 0}}}}, "accuracy"});
  board.apply(SiteScored{"b", "validation", 2, 100, {{{"confusion", {50, 50, 0, 0}}}}, "accuracy"});
  board.apply(SiteScored{"b", "test", 2, 1000, {{{"confusion", {100, 900, 0, 0}}}}, "accuracy"});
  EXPECT_EQ(board.lines(80, 24, 0)[0], "round 3   validation accuracy 80.0 % (version 2)");
  board.apply(SiteScored{"a", "validation", 3, 300, {{{"nll", {300, 300}}}}, "perplexity"});
  EXPECT_EQ(board.lines(80, 24, 0)[0], "round 3   validation perplexity 2.7183 (version 3)");
}

TEST(RunBoardTest, KeepsWhoLeftAndWhoRestsApart) {
  RunBoard board;
  for (const char* name : {"a", "b", "c"}) board.apply(SiteJoined{name, {}});
  EXPECT_EQ(board.apply(SiteLeft{"b", "gone"}), "b left: gone");
  board.apply(RoundStarted{1, 2, {"a"}});
  EXPECT_THAT(board.lines(80, 24, 0),
              ElementsAre("round 1/2", "  a  asked", "  b  left: gone", "  c  not in this round"));
  board.apply(SiteJoined{"b", {}});
  EXPECT_EQ(board.apply(UpdateRefused{1, "a", "a NaN"}), "round 1: update of a refused: a NaN");
  EXPECT_THAT(board.lines(80, 24, 0),
              ElementsAre("round 1/2", "  a  update refused", "  b  ready", "  c  not in this round"));
}

TEST(RunBoardTest, WaitingEndsWithItsCause) {
  for (const RunEvent& end : std::vector<RunEvent>{RoundStarted{1, 1, {}}, RoundCommitted{}, RunFinished{}}) {
    RunBoard board;
    board.apply(Waiting{{"a"}, "sites", 5});
    EXPECT_EQ(board.lines(80, 24, 2).back(), "waiting for sites from a, 3 s left");
    EXPECT_EQ(board.lines(80, 24, 9).back(), "waiting for sites from a, 0 s left");
    board.apply(end);
    EXPECT_EQ(board.lines(80, 24, 0).size(), 1U);
  }
}

TEST(RunBoardTest, NoLineIsWiderThanAsked) {
  RunBoard board;
  board.apply(SiteProgress{"größe", "training", 1, 0, 12'345});
  EXPECT_EQ(board.lines(80, 24, 0)[1], "  größe  training      12.3k tokens/s");
  for (std::size_t width = 1; width < 40; ++width)
    for (const std::string& line : board.lines(width, 24, 0)) EXPECT_LE(shown_width(line), width);
  EXPECT_EQ(board.lines(5, 24, 0)[1], "  grö");
}

}  // namespace
}  // namespace weft::telemetry
