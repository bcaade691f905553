// Sites that ask for the base model: those that may, those that ask for nonsense or without end, and a whole run of
// real workers that have none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/digest.h"
#include "common/net/in_process.h"
#include "tests/coordinator/coordinator_support.h"
#include "worker/worker.h"

namespace weft::coordinator {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

using Contents = std::map<std::string, Bytes>;

Bytes some_bytes(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>((seed = seed * 1'664'525U + 1'013'904'223U) >> 24U);
  return bytes;
}

// One file of more than a window.
Contents base() {
  return {{"config.json", some_bytes(300, 1)},
          {"model.safetensors", some_bytes(5'500'000, 2)},
          {"tokenizer.json", some_bytes(1 << 20, 3)}};
}

// What film says in place of its first Ready or Hello.
template <class Kind>
void say_once(Job& job, const std::vector<wire::Message>& messages) {
  SimSite& film = job.site("film");
  film.tamper = [&film, messages, said = false](wire::Message& own) mutable {
    if (!std::holds_alternative<Kind>(own) || std::exchange(said, true)) return;
    own = messages.front();
    for (std::size_t i = 1; i < messages.size(); ++i) film.outbox.push_back(wire::encode(messages[i]));
  };
}

TEST(BaseModelTest, ACoordinatorThatHandsNoneOutSaysSo) {
  Job job;
  job.rounds.quorum = 0.5;
  say_once<wire::Ready>(job, {wire::FetchBase{}});
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused, AllOf(HasSubstr("not handed out"), HasSubstr(kBaseDigest)));
  EXPECT_FALSE(job.site("film").wants_session);
}

TEST(BaseModelTest, NonsenseEndsTheSessionAndTheRunIsTheSame) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  const std::string digest = sha256_hex(base().at("config.json"));
  const std::vector<wire::Message> wrong{
      wire::FetchFile{.digest = std::string(64, 'a')}, wire::FetchFile{.digest = digest, .offset = 300},
      wire::FetchFile{.digest = digest, .offset = ~std::uint64_t{0}}, wire::BaseFiles{.files = {{"a", digest, 1}}}};
  for (const wire::Message& message : wrong) {
    Job job;
    job.hand_out(base());
    say_once<wire::Ready>(job, {message});
    EXPECT_EQ(job.run().adapter_digest, expected) << wire::name_of(message);
    ASSERT_THAT(refusals_of(job), SizeIs(1)) << wire::name_of(message);
    EXPECT_THAT(refusals_of(job)[0].reason, HasSubstr("broke the protocol"));
  }
}

TEST(BaseModelTest, ItIsForWelcomedSitesThatAreNotReady) {
  for (const wire::Message& message :
       {wire::Message(wire::FetchBase{}), wire::Message(wire::FetchFile{.digest = std::string(64, 'a')})}) {
    Job before;
    before.hand_out(base());
    say_once<wire::Hello>(before, {message});
    EXPECT_TRUE(before.run().finished);
    ASSERT_THAT(refusals_of(before), SizeIs(1));
    EXPECT_THAT(refusals_of(before)[0].reason, HasSubstr("was not expected now"));
    Job after;
    after.hand_out(base());
    say_once<wire::Fetch>(after, {message});
    EXPECT_TRUE(after.run().finished);
    ASSERT_THAT(refusals_of(after), SizeIs(1));
    EXPECT_THAT(refusals_of(after)[0].reason, HasSubstr("was not expected now"));
  }
}

TEST(BaseModelTest, AskingAThousandTimesIsAFlood) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  const std::string digest = sha256_hex(base().at("model.safetensors"));
  for (const wire::Message& message :
       {wire::Message(wire::FetchBase{}), wire::Message(wire::FetchFile{.digest = digest})}) {
    Job job;
    job.hand_out(base());
    say_once<wire::Ready>(job, std::vector<wire::Message>(1'000, message));
    std::uint64_t sent = 0;
    job.transport.before_event = [&] { sent = job.transport.traffic().sent; };
    EXPECT_EQ(job.run().adapter_digest, expected) << wire::name_of(message);
    EXPECT_THAT(refusals_of(job), testing::SizeIs(testing::Ge(1))) << wire::name_of(message);
    for (const RefusalRow& refusal : refusals_of(job)) EXPECT_THAT(refusal.reason, HasSubstr("flood"));
    EXPECT_LT(sent, 200U << 20) << "ten times what the budget holds, and a window each";
  }
}

TEST(BaseModelTest, AFileThatIsGoneIsSaidAndTheSiteComesBack) {
  Job job;
  job.hand_out(base());
  std::filesystem::remove(job.model() / "config.json");
  say_once<wire::Ready>(job, {wire::FetchFile{.digest = sha256_hex(base().at("config.json"))}});
  EXPECT_TRUE(job.run().finished);
  EXPECT_THAT(job.site("film").refused, HasSubstr("config.json cannot be read at the coordinator now"));
  EXPECT_TRUE(job.site("film").finished);
}

Contents read_folder(const std::filesystem::path& folder) {
  Contents found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto file = MappedFile::open(entry.path()).value();
    found[entry.path().filename()] = {file.bytes().begin(), file.bytes().end()};
  }
  return found;
}

// Two of the sites share one folder.
TEST(BaseModelTest, SitesWithoutABaseModelEndWithTheSameAdapter) {
  Job reference;
  const std::string expected = reference.run().adapter_digest;
  Job job;
  job.hand_out(base());
  const SystemClock clock;
  net::InProcessHub hub;
  const auto server = hub.server();
  CoordinatorOptions options = job.options();
  options.settings =
      "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: 3}\ntrain: {local_steps: 5}\n";
  Coordinator coordinator(std::move(options), *server, clock, job.seen);
  std::map<std::string, worker::WorkerResult> results;
  std::map<std::string, std::filesystem::path> models;
  std::vector<std::unique_ptr<net::ClientTransport>> clients;
  {
    std::vector<std::jthread> workers;
    std::uint64_t examples = 3;
    for (const SiteId& site : job.listed) {
      models[site.name] = job.folder.path() / "models" / (site.name == "film" ? job.listed[0].name : site.name);
      clients.push_back(hub.client(site));
      workers.emplace_back(
          [&, site, examples, client = clients.back().get(), result = &results[site.name], model = models[site.name]] {
            worker::Worker worker({.site = site,
                                   .folder = job.folder.path() / site.name,
                                   .coordinator = "in-process",
                                   .weft_version = "test",
                                   .fetch_into = model,
                                   .make_trainer =
                                       [&](const YamlView&) {
                                         return std::make_unique<SimTrainer>(site, examples, job.initial.manifest,
                                                                             base_digest(base_files_of(model)));
                                       }},
                                  *client, clock, Rng(1));
            *result = worker.run({});
          });
      examples += 17;
    }
    EXPECT_EQ(coordinator.run({}).adapter_digest, expected);
  }
  for (const auto& [site, result] : results) {
    EXPECT_EQ(result.outcome, worker::Outcome::finished) << site << ": " << result.reason;
    EXPECT_EQ(read_folder(models[site]), base()) << site;
  }
  std::size_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(job.folder.path() / "models"))
    folders += entry.is_directory() ? 1 : 0;
  EXPECT_EQ(folders, job.listed.size() - 1) << "no part is left";
}

}  // namespace
}  // namespace weft::coordinator
