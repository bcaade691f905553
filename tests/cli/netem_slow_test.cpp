// A run over slow links that lose packets, between hosts that are network namespaces.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

class NetemTest : public DeployedTest {
 protected:
  NetemTest() : DeployedTest({.rounds = 2, .local_steps = 20, .rank = 4096}) {}  // 6 MB of adapter: more than a window
};

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  const std::size_t before = text.rfind('\n', end);
  return text.substr(before == std::string::npos ? 0 : before + 1, end - before);
}

TEST_F(NetemTest, EndsInTheSameBits) {
  std::string command = std::string("sh " WEFT_SOURCE_DIR "/tests/cli/netem.sh " WEFT_BINARY_DIR "/weft ") +
                        job_.run_file().string() + " " + deployment_.out().string() + " " + deployment_.pki().string() +
                        " 7733";
  for (std::size_t i = 0; i < job_.sites.size(); ++i) {
    deployment_.write_site_file(job_.sites[i], "tcp://10.77." + std::to_string(i + 1) + ".1:7733");
    command += " " + deployment_.site_file(job_.sites[i]).string();
  }
  const std::filesystem::path log = job_.place / "netem.log";
  const int status = std::system((command + " > " + log.string() + " 2>&1").c_str());
  const std::string said = slurp(log);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << last_line(said);
  EXPECT_EQ(status, 0) << said;
  EXPECT_EQ(job_.adapter_sha256("deployed"), job_.adapter_sha256("reference")) << said;
  EXPECT_EQ(job_.summary("deployed").at("final"), job_.summary("reference").at("final"));
}

}  // namespace
}  // namespace weft::cli
