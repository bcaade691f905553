// Signals as a stop token.
#include "cli/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <future>

namespace weft::cli {
namespace {

void send(int signal) { ::kill(::getpid(), signal); }

// Blocks until the token asks for a stop.
void wait_for(const std::stop_token& stop) {
  std::promise<void> asked;
  const std::stop_callback tell(stop, [&] { asked.set_value(); });
  asked.get_future().wait();
}

class SignalsDeathTest : public testing::Test {
 protected:
  SignalsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(SignalsDeathTest, TheFirstAsksForAStopAndTheSecondEndsTheProcess) {
  for (const int first : {SIGTERM, SIGINT, SIGHUP}) {
    const auto stop_twice = [&] {
      const StopOnSignal signals;
      send(first);
      wait_for(signals.token());
      send(SIGTERM);
      for (;;) ::pause();
    };
    EXPECT_EXIT(stop_twice(), testing::ExitedWithCode(128 + SIGTERM), "once more to end at once");
  }
}

TEST_F(SignalsDeathTest, AHangupMayMeanSomethingElseForAWhile) {
  const auto hang_up = [] {
    StopOnSignal signals;
    {
      std::promise<void> called;
      const OnHangup on_hangup(signals, [&] { called.set_value(); });
      send(SIGHUP);
      called.get_future().wait();
      if (signals.token().stop_requested()) ::_exit(1);
    }
    send(SIGHUP);
    wait_for(signals.token());
    ::_exit(7);
  };
  EXPECT_EXIT(hang_up(), testing::ExitedWithCode(7), "stopping");
}

}  // namespace
}  // namespace weft::cli
