// Sites that are wrong, hostile or late: each is named, and the round goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "coordinator/ledger.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string digest_without(const std::string& site) {
  Job job;
  job.rounds.quorum = 0.5;
  job.site(site).trains = false;
  return job.run().adapter_digest;
}

TEST(DistrustTest, AnUpdateThatIsNotANumberIsRefusedAndTheRoundGoesOn) {
  Job job;
  job.rounds.quorum = 0.75;
  job.rounds.max_refusals = 0;
  job.site("film").spoil = [](StateDict update) {
    update.values[3] = std::nanf("");
    return update;
  };
  const CoordinatorResult result = job.run();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.adapter_digest, digest_without("film"));
  EXPECT_THAT(job.site("film").verdicts, ElementsAre("1 refused", "2 refused", "3 refused"));
  const auto refused = job.seen.all<telemetry::UpdateRefused>();
  ASSERT_THAT(refused, SizeIs(3));
  EXPECT_EQ(refused[0].site, "film");
  EXPECT_THAT(refused[0].reason, HasSubstr("NaN"));
  ASSERT_THAT(refusals_of(job), SizeIs(3));
  EXPECT_EQ(refusals_of(job)[2].round, 3U);
}

TEST(DistrustTest, WithoutAQuorumOfAdmittedUpdatesTheRunEndsAndGoesOnOnceItsSitesAreMended) {
  Job job;
  job.rounds.quorum = 0.75;
  for (const char* name : {"film", "tweets"})
    job.site(name).spoil = [](StateDict update) {
      update.values[3] = std::nanf("");
      return update;
    };
  try {
    job.run();
    ADD_FAILURE() << "it ended as if nothing had happened";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), AllOf(HasSubstr("round 1"), HasSubstr("quorum of 3"), HasSubstr("\"film\" was refused"),
                                      HasSubstr("\"tweets\" was refused"), HasSubstr("NaN"), HasSubstr("--resume")));
  }
  EXPECT_THAT(job.seen.all<telemetry::RoundCommitted>(), SizeIs(0));
  job.transport.lose_sessions();
  for (const char* name : {"film", "tweets"}) {
    job.site(name).spoil = {};
    job.site(name).forget_updates();  // had it not heard that it was refused
  }
  const CoordinatorResult mended = job.run(true);
  EXPECT_TRUE(mended.finished);
  Job well;
  well.rounds.quorum = 0.75;
  EXPECT_EQ(mended.adapter_digest, well.run().adapter_digest);
}

// Says Decline instead of Ready, and leaves; `times` times.
void decline(Job& job, const std::string& name, int times) {
  SimSite& site = job.site(name);
  site.tamper = [&site, times](wire::Message& message) mutable {
    if (!std::holds_alternative<wire::Ready>(message) || times-- <= 0) return;
    message = wire::Decline{"train.local_steps: 500, this site allows 200 (policy.max_local_steps)"};
    site.wants_session = times > 0;
  };
}

TEST(DistrustTest, ASiteThatDeclinesIsShownRecordedAndNotWaitedFor) {
  Job job;
  job.rounds.quorum = 0.75;
  decline(job, "film", 1);
  const TimePoint began = job.clock.now();
  EXPECT_EQ(job.run().adapter_digest, digest_without("film"));
  EXPECT_LT(job.clock.now() - began, job.rounds.deadline);
  ASSERT_THAT(refusals_of(job), SizeIs(1));
  EXPECT_THAT(refusals_of(job)[0].reason, AllOf(HasSubstr("declined"), HasSubstr("policy.max_local_steps")));
  const auto left = job.seen.all<telemetry::SiteLeft>();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_THAT(left[0].reason, HasSubstr("policy.max_local_steps"));
}

TEST(DistrustTest, ASiteThatDeclinedAndComesBackTakesPart) {
  Job job;
  SimSite& film = job.site("film");
  film.tamper = [said = false](wire::Message& message) mutable {
    if (std::holds_alternative<wire::Ready>(message) && !std::exchange(said, true)) message = wire::Decline{"not yet"};
  };
  Job reference;
  EXPECT_EQ(job.run().adapter_digest, reference.run().adapter_digest);
}

TEST(DistrustTest, ADeclineThatNobodyMendsEndsTheRunAtTheDeadline) {
  Job job;
  decline(job, "film", 1);
  const TimePoint began = job.clock.now();
  try {
    job.run();
    ADD_FAILURE() << "a quorum of all was reached without one";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), AllOf(HasSubstr("\"film\""), HasSubstr("policy.max_local_steps")));
  }
  EXPECT_GE(job.clock.now() - began, job.rounds.deadline);
}

TEST(DistrustTest, AClaimOfTooManyExamplesIsRefusedBeforeItIsSent) {
  Job job;
  job.rounds.quorum = 0.75;
  int chunks = 0;
  job.site("film").tamper = [&](wire::Message& message) {
    if (auto* offer = std::get_if<wire::Offer>(&message)) offer->examples = 1'000'000;
    chunks += std::holds_alternative<wire::Chunk>(message) ? 1 : 0;
  };
  EXPECT_EQ(job.run().adapter_digest, digest_without("film"));
  EXPECT_EQ(chunks, 0);
  EXPECT_THAT(refusals_of(job)[0].reason, HasSubstr("1000000"));
}

TEST(DistrustTest, AnUpdateThatIsNotWhatWasOfferedIsRefused) {
  Job job;
  const std::string lie(64, '0');
  std::map<std::string, std::string> truth;
  SimSite& film = job.site("film");
  film.tamper = [&](wire::Message& message) {
    if (auto* offer = std::get_if<wire::Offer>(&message)) offer->digest[0] = offer->digest[0] == '0' ? '1' : '0';
  };
  job.rounds.quorum = 0.75;
  EXPECT_TRUE(job.run().finished) << "it answers no Resume, for it knows no such update";
  EXPECT_THAT(film.verdicts, ElementsAre("1 late", "2 late", "3 late"));
}

TEST(DistrustTest, AnUnlistedSiteIsRefusedForGood) {
  Job job;
  SimSite stranger({"stranger"}, 5, job.initial.manifest);
  job.transport.add(stranger);
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(stranger.refused, HasSubstr("site \"stranger\" is not listed"));
  EXPECT_FALSE(stranger.wants_session);
  ASSERT_THAT(refusals_of(job), SizeIs(1));
  EXPECT_EQ(refusals_of(job)[0].site.name, "stranger");
  bool shown = false;
  for (const auto& left : job.seen.all<telemetry::SiteLeft>()) shown |= left.site == "stranger";
  EXPECT_TRUE(shown);
}

// Oracle 26.
TEST(DistrustTest, AnotherBaseModelIsRefusedWithBothDigests) {
  Job job;
  job.rounds.quorum = 0.75;
  job.site("film").base_digest = std::string(64, 'd');
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused, AllOf(HasSubstr(std::string(64, 'd')), HasSubstr(kBaseDigest)));
}

TEST(DistrustTest, AnotherAdapterLayoutIsRefusedWithBothDigests) {
  Job job;
  job.rounds.quorum = 0.75;
  job.site("film").manifest_digest = std::string(64, 'e');
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused,
              AllOf(HasSubstr(std::string(64, 'e')), HasSubstr(job.initial.manifest->digest())));
}

TEST(DistrustTest, AnotherProtocolIsRefused) {
  Job job;
  job.rounds.quorum = 0.75;
  job.site("film").tamper = [](wire::Message& message) {
    if (auto* hello = std::get_if<wire::Hello>(&message)) hello->protocol = 99;
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused, HasSubstr("99"));
}

// Oracle 26.
TEST(DistrustTest, AnOfferMadeTwiceCountsOnce) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  Job job;
  SimSite& film = job.site("film");
  std::optional<wire::Offer> last;
  film.tamper = [&](wire::Message& message) {
    if (const auto* offer = std::get_if<wire::Offer>(&message)) last = *offer;
  };
  int replays = 0;
  job.transport.before_event = [&] {  // at any moment, when it may be open, in the accumulator, committed or long past
    if (!last || job.transport.events() % 3 != 0 || !film.connected || film.finished || !film.outbox.empty()) return;
    ++replays;
    film.outbox.push_back(wire::encode(*last));
  };
  EXPECT_EQ(job.run().adapter_digest, expected);
  EXPECT_GT(replays, 10);
  for (const std::string& verdict : film.verdicts) EXPECT_THAT(verdict, HasSubstr("committed"));
}

// Oracle 26.
TEST(DistrustTest, ASecondUpdateOfTheSameRoundIsLate) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  Job job;
  SimSite& film = job.site("film");
  film.tamper = [&](wire::Message& message) {
    if (const auto* offer = std::get_if<wire::Offer>(&message); offer != nullptr && offer->round == 2) {
      wire::Offer replay = *offer;
      replay.round = 1;
      replay.digest = std::string(64, 'f');
      film.outbox.push_back(wire::encode(replay));
    }
  };
  EXPECT_EQ(job.run().adapter_digest, expected);
  EXPECT_THAT(film.verdicts, testing::Contains("1 late"));
  EXPECT_THAT(refusals_of(job), SizeIs(1));
}

TEST(DistrustTest, BytesThatAreNoMessageEndOnlyThatSession) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  for (int at = 5; at < 60; at += 11) {
    Job job;
    SimSite& film = job.site("film");
    bool said = false;
    job.transport.before_event = [&] {
      if (said || job.transport.events() < at || !film.connected) return;
      said = true;
      film.outbox.push_front({0xc1, 0xff, 0x00});
    };
    EXPECT_EQ(job.run().adapter_digest, expected);
    EXPECT_TRUE(said);
    ASSERT_THAT(refusals_of(job), SizeIs(1));
    EXPECT_THAT(refusals_of(job)[0].reason, HasSubstr("broke the protocol"));
  }
}

TEST(DistrustTest, MessagesThatASiteMayNotSayNowEndItsSession) {
  const std::vector<wire::Message> wrong{
      wire::Welcome{.run = "r", .run_id = std::string(32, 'a'), .settings = "s", .base_digest = kBaseDigest},
      wire::Hello{},
      wire::Fetch{.version = 0, .offset = 1 << 30},
      wire::Metrics{.version = 0, .split = "validation", .examples = 200, .tally = sim_tally(300, 0.5)},
      wire::Metrics{
          .version = 0, .split = "validation", .examples = 200, .tally = {{{"confusion", {1e9, -1e9, 0, 200}}}}},
      wire::Metrics{.version = 0, .split = "validation", .examples = 200, .tally = {{{"confusion", {200}}}}},
      wire::Metrics{.version = 0, .split = "validation", .examples = 200, .tally = {{{"nll", {1, 1}}}}},
      wire::Metrics{.version = 0, .split = "validation", .examples = 1 << 30, .tally = sim_tally(1 << 30, 0.5)}};
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  for (const wire::Message& message : wrong) {
    Job job;
    SimSite& film = job.site("film");
    bool said = false;
    film.tamper = [&](wire::Message& own) {
      if (said || !std::holds_alternative<wire::Fetch>(own)) return;
      said = true;
      own = message;
    };
    EXPECT_EQ(job.run().adapter_digest, expected) << wire::name_of(message);
    ASSERT_THAT(refusals_of(job), SizeIs(1)) << wire::name_of(message);
  }
}

TEST(DistrustTest, ANewerSessionOfASiteReplacesTheOlder) {
  Job job;
  SimSite twin({"film"}, 20, job.initial.manifest);
  twin.wants_session = false;
  job.transport.add(twin);
  job.transport.before_event = [&] {
    if (job.transport.events() != 30) return;
    job.site("film").wants_session = false;  // a process that hangs: its connection stands, and it says nothing more
    twin.wants_session = true;
  };
  Job reference;
  EXPECT_EQ(job.run().adapter_digest, reference.run().adapter_digest);
  EXPECT_TRUE(twin.finished);
}

TEST(DistrustTest, AStalledUploadHoldsNobodyUp) {
  Job job(1, 700'000);  // six chunks
  job.rounds.count = 1;
  job.rounds.quorum = 0.5;
  job.rounds.deadline = Milliseconds(3'600'000);
  for (const char* name : {"editorials", "film"})  // both places, if they come first
    job.site(name).tamper = [](wire::Message& message) {
      if (auto* chunk = std::get_if<wire::Chunk>(&message); chunk != nullptr && chunk->offset > 0)
        message = wire::Ping{};
    };
  CoordinatorOptions options = job.options();
  options.transfer_bytes = 1;
  Coordinator coordinator(std::move(options), job.transport, job.clock, job.seen);
  EXPECT_TRUE(coordinator.run({}).finished);
  EXPECT_THAT(job.seen.all<telemetry::UpdateAccepted>(), SizeIs(2));
  EXPECT_THAT(job.seen.all<telemetry::RoundCommitted>()[0].counted, ElementsAre("reviews", "tweets"));
}

// Calls `what` once in each round, when it has begun.
void in_each_round(Job& job, std::function<void()> what) {
  job.transport.before_event = [&job, what = std::move(what), seen = std::size_t{0}]() mutable {
    const std::size_t begun = job.seen.all<telemetry::RoundStarted>().size();
    if (begun == seen) return;
    seen = begun;
    what();
  };
}

TEST(DistrustTest, AnAdapterThatIsNoLongerKeptCannotBeFetched) {
  Job job;
  job.rounds = {.count = 8, .fraction = 0.5};
  in_each_round(job, [&] {
    for (const auto& site : job.sites)
      if (site->trained > 0)
        for (std::uint32_t version = 0; version < 8; ++version) site->say(wire::Fetch{.version = version, .offset = 0});
  });
  const CoordinatorResult result = job.run();
  EXPECT_TRUE(result.finished);
  Job quiet;
  quiet.rounds = job.rounds;
  EXPECT_EQ(result.adapter_digest, quiet.run().adapter_digest);
}

TEST(DistrustTest, ASiteThatIsAlwaysWrongDoesNotFillTheLedger) {
  Job job;
  std::uint32_t said = 1000;
  in_each_round(job, [&] {
    if (job.site("film").trained == 0) return;
    for (const std::uint32_t end = said + 90; said < end; ++said)
      job.site("film").say(
          wire::Offer{.round = said, .version = 0, .digest = std::string(64, 'a'), .bytes = 4, .examples = 1});
  });
  EXPECT_TRUE(job.run().finished);
  EXPECT_GE(said, 1180U) << "in more than one round";
  const auto refusals = refusals_of(job);
  ASSERT_THAT(refusals, SizeIs(100));
  EXPECT_THAT(refusals.back().reason, HasSubstr("not recorded"));
}

TEST(DistrustTest, AScoreSaidTwiceIsShownOnce) {
  Job job;
  std::optional<wire::Metrics> first;
  job.site("film").tamper = [&](wire::Message& message) {
    if (const auto* metrics = std::get_if<wire::Metrics>(&message); metrics != nullptr && !first) first = *metrics;
  };
  int said = 0;
  job.transport.before_event = [&] {
    if (first && said < 5 && ++said > 0) job.site("film").say(*first);
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_EQ(said, 5);
  int shown = 0;
  for (const auto& scored : job.seen.all<telemetry::SiteScored>())
    shown += scored.site == "film" && scored.version == 0 ? 1 : 0;
  EXPECT_EQ(shown, 1);
}

TEST(DistrustTest, ASiteThatClaimsTooManyValidationExamplesIsRefused) {
  Job job;
  job.rounds.quorum = 0.5;
  job.site("film").tamper = [](wire::Message& message) {
    if (auto* ready = std::get_if<wire::Ready>(&message)) ready->examples["validation"] = 1'000'000'000'000;
  };
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused, AllOf(HasSubstr("validation"), HasSubstr("aggregation.max_examples")));
}

// Whatever it floods with, its session ends, and it takes part again once it has calmed down.
TEST(DistrustTest, AFloodOfMessagesEndsTheSessionAndTheRunIsTheSame) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  const std::vector<wire::Message> floods{
      wire::Ping{}, wire::Progress{.stage = "training"}, wire::Fetch{},
      wire::Offer{.round = 1, .digest = std::string(64, 'a'), .bytes = 4, .examples = 1},
      wire::Ack{.digest = std::string(64, 'a')}};
  for (const wire::Message& flood : floods) {
    Job job;
    SimSite& film = job.site("film");
    bool said = false;
    in_each_round(job, [&] {
      if (film.trained == 0 || std::exchange(said, true)) return;
      for (int i = 0; i < 2'000; ++i) film.say(flood);
    });
    EXPECT_EQ(job.run().adapter_digest, expected) << wire::name_of(flood);
    EXPECT_TRUE(said);
    const auto left = job.seen.all<telemetry::SiteLeft>();
    EXPECT_TRUE(std::any_of(left.begin(), left.end(), [](const auto& each) {
      return each.site == "film" && each.reason.starts_with("flood");
    })) << wire::name_of(flood);
  }
}

}  // namespace
}  // namespace weft::coordinator
