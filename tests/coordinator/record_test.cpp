// The canonical bytes are those of docs/ledger_format.md.
#include "coordinator/record.h"

#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "coordinator/ledger.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

std::string golden() {
  const std::string page = read_text(WEFT_SOURCE_DIR "/docs/ledger_format.md").value();
  const std::string begin = "```record\n";
  const std::size_t at = page.find(begin) + begin.size();
  return page.substr(at, page.find("```", at) - at);
}

TEST(RecordTest, PageShowsTheBytesOfARecord) {
  const TempFolder folder;
  Ledger ledger(folder.path() / "ledger.sqlite");
  ledger.begin({.run = "sentiment",
                .run_id = std::string(32, 'c'),
                .config_digest = std::string(64, '1'),
                .seed = 42,
                .base_digest = std::string(64, '2'),
                .manifest_digest = std::string(64, '3'),
                .initial_digest = std::string(64, '4')});
  ledger.refuse({"2026-01-02T03:04:05Z", 1, {"tweets"}, "norm", "norm 200,\nlimit 100"});
  ledger.commit({.round = 1,
                 .cohort = {{"film"}, {"tweets"}},
                 .loss = 0.5,
                 .seconds = 1.25,
                 .bytes_up = 1000,
                 .bytes_down = 2000,
                 .adapter_digest = std::string(64, 'a'),
                 .time = "2026-01-02T03:04:06Z",
                 .updates = {{{"film"}, std::string(64, 'b'), 30, {{"loss", 0.5}}, 0.5}}},
                {{{"film"}, 0, "validation", 10, {{{"loss", {6.5, 10}}}}}});
  const std::vector<RecordRow> records = ledger.records();
  ASSERT_EQ(records.size(), 2U);
  std::string bytes;
  write_record(ledger.database(), {.number = 1, .previous = records[0].hash},
               [&](std::string_view piece) { bytes += piece; });
  EXPECT_EQ(bytes, golden());
  EXPECT_EQ(records[1].hash, sha256_hex(as_bytes(bytes)));
}

}  // namespace
}  // namespace weft::coordinator
