// Events as lines for people and as JSON for machines; text from peers can neither forge a line nor move a cursor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/telemetry/fan_out.h"
#include "common/telemetry/json_view.h"
#include "common/telemetry/printable.h"
#include "common/telemetry/run_board.h"
#include "common/telemetry/terminal_view.h"

namespace weft::telemetry {
namespace {

using testing::ElementsAre;

const std::string kDigest(64, 'e');

std::string json_line(const RunEvent& event) {
  ManualClock clock;
  clock.advance(std::chrono::hours(24) + Milliseconds(1500));
  std::ostringstream out;
  JsonView(out, clock).on(event);
  return out.str();
}

TEST(EventLineTest, SaysEachEvent) {
  EXPECT_EQ(event_line(SiteJoined{"a", {{"train", 12}, {"test", 3}}}), "a joined (examples: test 3, train 12)");
  EXPECT_EQ(event_line(SiteJoined{"a", {}}), "a joined");
  EXPECT_EQ(event_line(SiteLeft{"a", "connection closed"}), "a left: connection closed");
  EXPECT_EQ(event_line(RoundStarted{2, 6, {"a", "b"}}), "round 2/6 started with 2 sites: a, b");
  EXPECT_EQ(event_line(SiteProgress{"a", "training", 1, 2, 3}), "");
  const metrics::Tally tally{{{"confusion", {33, 7, 0, 0}}, {"loss", {20, 40}}}};
  EXPECT_EQ(event_line(SiteScored{"a", "validation", 3, 40, tally, "accuracy"}),
            "a scored version 3 on 40 validation examples: accuracy 82.5 %, loss 0.5000");
  EXPECT_EQ(event_line(VersionScored{"test", 3, 40, tally, "loss"}),
            "version 3 on all 40 test examples: loss 0.5000, accuracy 82.5 %, macro F1 0.4521, MCC 0.0000");
  EXPECT_EQ(event_line(SiteScored{"a", "test", 3, 0, {}, "loss"}),
            "a scored version 3 on 0 test examples: nothing counted");
  EXPECT_EQ(event_line(UpdateAccepted{2, "a", 320, {}}), "round 2: update of a is in (320 examples)");
  EXPECT_EQ(event_line(UpdateRefused{2, "a", "a NaN"}), "round 2: update of a refused: a NaN");
  EXPECT_EQ(event_line(Waiting{{"a", "b"}, "updates", 61.2}), "waiting for updates from a, b, 1 min 02 s left");
  EXPECT_EQ(event_line(Waiting{{}, "sites", {}}), "waiting for sites, without a limit");
  EXPECT_EQ(event_line(RoundCommitted{2, 6, {"a", "b"}, 0.43219, 12.34, 3'145'728, 1024, kDigest}),
            "round 2/6 committed: loss 0.4322, 2 updates, 3.0 MiB up, 1.0 KiB down, 12.3 s");
  EXPECT_EQ(event_line(RunFinished{4, "all rounds are done", kDigest, {}}),
            "run finished: all rounds are done; best version 4, adapter eeeeeeeeeeee");
  EXPECT_EQ(event_line(RunFinished{4, "done", kDigest, {{"late", 2}, {"norm", 1}}}),
            "run finished: done; best version 4, adapter eeeeeeeeeeee; refused: 2 late, 1 norm");
}

TEST(EventLineTest, HumanSeconds) {
  EXPECT_EQ(human_seconds(-3), "0 s");
  EXPECT_EQ(human_seconds(6.1), "7 s");
  EXPECT_EQ(human_seconds(59.5), "1 min 00 s");
  EXPECT_EQ(human_seconds(185), "3 min 05 s");
  EXPECT_EQ(human_seconds(3720), "1 h 02 min");
  EXPECT_EQ(human_seconds(std::numeric_limits<double>::infinity()).substr(0, 6), "277777");
}

TEST(PrintableTest, NeutralisesControlCharactersAndForeignBytes) {
  EXPECT_EQ(printable("grün 漢 😀 ~"), "grün 漢 😀 ~");
  EXPECT_EQ(printable("a\nb\r\tc"), "a b  c");
  EXPECT_EQ(printable(std::string_view("\033[2J\0\x7f", 6)), "?[2J??");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J\xC2\xA0|"),
            "?2J\xC2\xA0|");  // C1's CSI; a no-break space stays
  EXPECT_EQ(printable("\x9B"
                      "2J \xE9t\xE9 \xC3"),
            "?2J ?t? ?");                                     // Latin-1, and cut off
  EXPECT_EQ(printable("\xC0\x9B \xE2\x82 \xFF"), "?? ?? ?");  // overlong, cut off, never valid
  EXPECT_EQ(printable(""), "");
}

TEST(PrintableTest, NoEventCarriesMoreThanOneLine) {
  const std::string evil = "x\nround 9 committed\033[1A\xC2\x9B";
  for (const RunEvent& event :
       std::vector<RunEvent>{SiteJoined{evil, {{evil, 1}}}, SiteLeft{evil, evil}, RoundStarted{1, 1, {evil}},
                             SiteScored{evil, evil, 1, 1, {}, evil}, UpdateAccepted{1, evil, 1, {}},
                             UpdateRefused{1, evil, evil}, Waiting{{evil}, evil, {}}, RunFinished{1, evil, evil}}) {
    const std::string line = event_line(event);
    EXPECT_EQ(line.find_first_of("\n\033"), std::string::npos) << line;
    EXPECT_EQ(line.find("\xC2\x9B"), std::string::npos) << line;
    EXPECT_FALSE(line.empty());
  }
}

TEST(PlainViewTest, SaysForWhomTheRunWaitsOnlyWhenItIsForSomebodyNew) {
  std::vector<std::string> written;
  PlainView view([&](std::string_view text) { written.emplace_back(text); });
  const auto lines_of = [&](const RunEvent& event) {
    written.clear();
    view.on(event);
    return written.size();
  };
  EXPECT_EQ(lines_of(Waiting{.sites = {"a", "b", "c"}, .what = "an update"}), 1U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"b", "c"}, .what = "an update"}), 0U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"c"}, .what = "an update", .seconds_left = 5}), 0U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"c"}, .what = "a test score"}), 1U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"c", "d"}, .what = "a test score"}), 1U);
  EXPECT_EQ(lines_of(RoundStarted{.round = 2, .of = 3, .cohort = {"c"}}), 1U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"c"}, .what = "a test score"}), 1U) << "a round tells its own";
  EXPECT_EQ(lines_of(SiteLeft{"d", "gone"}), 1U);
  EXPECT_EQ(lines_of(Waiting{.sites = {"c"}, .what = "a test score"}), 1U) << "and so it does without that site";
}

TEST(PlainViewTest, OneLineAnEventAndNoneForProgress) {
  std::vector<std::string> written;
  PlainView view([&](std::string_view text) { written.emplace_back(text); });
  view.on(SiteJoined{"a", {}});
  view.on(SiteProgress{"a", "training", 1, 2, 3});
  view.on(SiteLeft{"a", "gone\n"});
  EXPECT_THAT(written, ElementsAre("a joined\n", "a left: gone \n"));
}

TEST(FanOutTest, TellsAllInOrder) {
  std::vector<std::string> written;
  FanOut all;
  for (const char* name : {"1 ", "2 "})
    all.add(
        std::make_unique<PlainView>([&, name](std::string_view text) { written.push_back(name + std::string(text)); }));
  all.on(SiteJoined{"a", {}});
  EXPECT_THAT(written, ElementsAre("1 a joined\n", "2 a joined\n"));
}

// The keys are an interface: machines read them.
TEST(JsonViewTest, GoldenLines) {
  EXPECT_EQ(json_line(SiteJoined{"a", {{"train", 12}}}),
            R"({"event":"site_joined","site":"a","examples":{"train":12},"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(SiteLeft{"a", "gone"}),
            R"({"event":"site_left","site":"a","reason":"gone","time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(RoundStarted{2, 6, {"a", "b"}}),
            R"({"event":"round_started","round":2,"of":6,"cohort":["a","b"],"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(SiteProgress{"a", "training", 3, 40, 1500.5}),
            R"({"event":"site_progress","site":"a","stage":"training","done":3,"total":40,)"
            R"("tokens_per_second":1500.5,"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(SiteScored{"a", "test", 3, 40, {{{"loss", {20, 40}}}}, "loss"}),
            R"({"event":"site_scored","site":"a","split":"test","version":3,"examples":40,)"
            R"("values":{"loss":0.5},"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(VersionScored{"test", 3, 40, {{{"loss", {20, 40}}}}, "loss"}),
            R"({"event":"version_scored","split":"test","version":3,"examples":40,)"
            R"("values":{"loss":0.5},"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(UpdateAccepted{2, "a", 320, {{"loss", 0.25}}}),
            R"({"event":"update_accepted","round":2,"site":"a","examples":320,)"
            R"("values":{"loss":0.25},"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(UpdateRefused{2, "a", "late"}),
            R"({"event":"update_refused","round":2,"site":"a","reason":"late","time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(Waiting{{"a"}, "updates", 2.5}),
            R"({"event":"waiting","sites":["a"],"what":"updates","seconds_left":2.5,"time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(RoundCommitted{2, 6, {"a"}, 0.5, 1.25, 10, 20, "ee"}),
            R"({"event":"round_committed","round":2,"of":6,"counted":["a"],"loss":0.5,"seconds":1.25,)"
            R"("bytes_up":10,"bytes_down":20,"adapter_digest":"ee","time":"1970-01-02T00:00:01Z"})"
            "\n");
  EXPECT_EQ(json_line(RunFinished{4, "done", "ee", {{"norm", 1}}}),
            R"({"event":"run_finished","best_version":4,"reason":"done","adapter_digest":"ee","refusals":{"norm":1},)"
            R"("time":"1970-01-02T00:00:01Z"})"
            "\n");
}

TEST(JsonViewTest, WhatIsNoNumberOrNoTextDoesNotBreakALine) {
  const auto waiting = nlohmann::json::parse(json_line(Waiting{{}, "sites", {}}));
  EXPECT_TRUE(waiting["seconds_left"].is_null());
  EXPECT_EQ(waiting["sites"], nlohmann::json::array());
  const auto accepted =
      nlohmann::json::parse(json_line(UpdateAccepted{1, "a", 1, {{"loss", std::nan("")}, {"x", INFINITY}}}));
  EXPECT_TRUE(accepted["values"]["loss"].is_null());
  EXPECT_TRUE(accepted["values"]["x"].is_null());
  const std::string line = json_line(SiteLeft{"a", "\xE9\n\033"});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(line)["reason"], "\xEF\xBF\xBD\n\033");
}

}  // namespace
}  // namespace weft::telemetry
