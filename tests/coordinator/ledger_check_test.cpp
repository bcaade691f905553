// A ledger proves itself: what was changed, dropped or made anew is found, and nothing else is.
#include "coordinator/ledger_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "coordinator/ledger_report.h"
#include "coordinator/record.h"
#include "coordinator/run_folder.h"
#include "coordinator/run_store.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::SizeIs;

crypto::Signer issue_signer(const std::filesystem::path& pki, const std::string& name) {
  if (!std::filesystem::exists(pki / "ca.crt")) crypto::init_ca(pki);
  return crypto::Signer(crypto::issue(pki, {.name = name, .role = crypto::Role::coordinator}));
}

class LedgerCheckTest : public testing::Test {
 protected:
  LedgerCheckTest() : stranger_({"stranger"}, 5, job_.initial.manifest) {
    job_.signer = issue_signer(pki(), "hub");
    job_.ca = pki() / "ca.crt";
    job_.transport.add(stranger_);  // is refused: a row of refusals
  }

  std::filesystem::path folder() const { return job_.folder.path() / "run"; }
  std::filesystem::path file() const { return folder() / "ledger.sqlite"; }
  std::filesystem::path pki() const { return job_.folder.path() / "pki"; }

  CheckRequest request() const { return {.folder = folder(), .ca = pki() / "ca.crt"}; }
  CheckRequest with_receipts() const {
    CheckRequest request = this->request();
    for (const auto& site : job_.sites)
      for (wire::Receipt receipt : site->receipts) {
        receipt.certificate = job_.signer->certificate();
        request.receipts.push_back({site->name().name + "'s", receipt});
      }
    return request;
  }
  CheckResult check(const CheckRequest& request) const { return check_ledger(Ledger::open_to_read(file()), request); }
  std::vector<std::string> faults() const { return check(request()).faults; }

  // The ledger as the run left it, again and again.
  void keep_original() { std::filesystem::copy_file(file(), original()); }
  void restore() const {
    std::filesystem::copy_file(original(), file(), std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::path original() const { return job_.folder.path() / "original.sqlite"; }
  void alter(const std::string& sql) const { Database(file()).execute(sql); }

  // Hashes and signatures anew, as who may write the file can make them. `named`: as the signer, where there is none.
  void make_anew(const std::optional<crypto::Signer>& signer, const std::string& named) const {
    const Database database(file());
    if (signer)
      database.prepare("INSERT INTO certificates VALUES (?, ?)")
          .with(signer->fingerprint(), signer->certificate())
          .run();
    RecordHead head{.signer = signer ? signer->fingerprint() : named};
    for (; head.number < database.integer("SELECT count(*) FROM records"); ++head.number) {
      const std::string hash = record_hash(database, head);
      database.prepare("UPDATE records SET hash = ?, signer = ? WHERE number = ?")
          .with(hash, head.signer, head.number)
          .run();
      if (signer)
        database.prepare("UPDATE records SET signature = ? WHERE number = ?")
            .with(to_hex(signer->sign(as_bytes(record_statement(hash)))), head.number)
            .run();
      head.previous = hash;
    }
  }

  void make_anew_without_signatures() const {
    alter("DELETE FROM certificates; UPDATE records SET signature = ''");
    make_anew({}, kNoSigner);
  }

  std::filesystem::path other_pki() const { return job_.folder.path() / "other_pki"; }
  crypto::Signer other_signer() const { return issue_signer(other_pki(), "hub"); }  // of another CA

  // Why a run does not go on on top of that; empty: it does.
  std::string refusal_to_go_on() {
    try {
      job_.run(true);
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "";
  }

  Job job_;
  SimSite stranger_;
};

TEST_F(LedgerCheckTest, AWholeRunHolds) {
  job_.run();
  const CheckResult result = check(with_receipts());
  EXPECT_THAT(result.faults, IsEmpty());
  EXPECT_THAT(result.notes, IsEmpty());
  EXPECT_EQ(result.records, 6U) << "beginning, three rounds, end, sites told";
  EXPECT_EQ(result.signatures, 6U);
  EXPECT_EQ(result.rounds, 3U);
  EXPECT_EQ(result.receipts, 12U);
  EXPECT_GE(result.versions, 1U);
  EXPECT_EQ(result.signers, std::vector<std::string>{"hub"});
  EXPECT_THAT(check_text(result), HasSubstr("3 rounds in 6 records, 6 signatures of hub"));
  EXPECT_THAT(check_text(result), HasSubstr("12 receipts: all holds"));
  EXPECT_THAT(check_text(result), Not(HasSubstr("NOT SIGNED")));
}

struct Table {
  const char *name, *key;
};
constexpr Table kAllTables[] = {
    {"meta", "key"},        {"rounds", "round"},   {"updates", "round, site"},     {"scores", "version, split, site"},
    {"refusals", "number"}, {"records", "number"}, {"certificates", "fingerprint"}};

TEST_F(LedgerCheckTest, AChangeOfAnyColumnIsFound) {
  job_.run();
  keep_original();
  ASSERT_EQ(Database(file()).integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"),
            std::ssize(kAllTables));
  int changed = 0;
  for (const Table& table : kAllTables) {
    const std::string name = table.name, key = table.key;
    std::vector<std::string> columns;
    {
      const Database database(file());
      Statement column = database.prepare("SELECT name FROM pragma_table_info('" + name + "')");
      while (column.step()) columns.push_back(column.text(0));
    }
    for (const std::string& column : columns)
      for (const char* order : {"ASC", "DESC"}) {  // the first row and the last
        const std::string where = "(" + key + ") = (SELECT " + key + " FROM " + name + " ORDER BY " +
                                  key.substr(0, key.find(',')) + " " + order + " LIMIT 1)";
        alter("UPDATE " + name + " SET " + column + " = CASE typeof(" + column + ") WHEN 'text' THEN replace('x' || " +
              column + ", 'A', 'B') ELSE " + column + " + 1000 END WHERE " + where);
        EXPECT_THAT(faults(), Not(IsEmpty())) << name << "." << column << " " << order;
        restore();
        ++changed;
      }
  }
  EXPECT_GE(changed, 70);
  EXPECT_THAT(faults(), IsEmpty()) << "the original holds";
}

TEST_F(LedgerCheckTest, ARowThatIsMissingOrAddedIsFoundByRound) {
  job_.run();
  keep_original();
  for (const auto& [sql, where] : std::vector<std::pair<std::string, std::string>>{
           {"DELETE FROM updates WHERE round = 2 AND site = 'film'", "round 2: record hash"},
           {"DELETE FROM rounds WHERE round = 3", "record 3"},
           {"DELETE FROM refusals", "round 1: record hash"},
           {"DELETE FROM records WHERE number = 2", "expected record 2 here"},
           {"DELETE FROM certificates", "which the ledger does not have"},
           {"DELETE FROM meta WHERE key = 'best_version'", "the run's end"},
           {"INSERT INTO updates VALUES (2, 'nobody', 'd', 1, 0.5, '{}', 'committed')", "round 2: record hash"},
           {"INSERT INTO refusals VALUES (NULL, 't', 2, 'film', 'norm', 'norm 9', 2)", "round 2: record hash"},
           {"INSERT INTO scores VALUES (9, 'film', 'test', 1, '{}', 77)", "1 rows of record 77"},
           {"UPDATE records SET signer = 'none', signature = ''", "not signed"}}) {
    alter(sql);
    EXPECT_THAT(faults(), Contains(HasSubstr(where))) << sql;
    restore();
  }
}

TEST_F(LedgerCheckTest, ATableThatWasMadeAnewIsFound) {
  job_.run();
  keep_original();
  for (const auto& [sql, where] : std::vector<std::pair<std::string, std::string>>{
           {"CREATE TABLE m2 (key TEXT, value TEXT, record INTEGER);"
            "INSERT INTO m2 VALUES ('best_version', '0', NULL); INSERT INTO m2 SELECT * FROM meta;"
            "DROP TABLE meta; ALTER TABLE m2 RENAME TO meta",
            "table meta: got"},
           {"CREATE TABLE r2 (round, cohort, loss, seconds, bytes_up, bytes_down, adapter_digest, time);"
            "INSERT INTO r2 SELECT '1', cohort, 0, 0, 0, 0, adapter_digest, time FROM rounds WHERE round = 1;"
            "INSERT INTO r2 SELECT * FROM rounds; DROP TABLE rounds; ALTER TABLE r2 RENAME TO rounds",
            "table rounds: got"},
           {"DROP TABLE rounds", "table rounds: it is not there"},
           {"DROP INDEX updates_of_site", "index updates_of_site: it is not there"},
           {"CREATE VIEW more AS SELECT 1", "view more: no ledger has this"}}) {
    alter(sql);
    EXPECT_THAT(faults(), Contains(HasSubstr(where))) << sql;
    restore();
  }
  EXPECT_THAT(faults(), IsEmpty()) << "the original holds";
}

TEST_F(LedgerCheckTest, TablesMayBeWrappedOtherwise) {
  job_.run();
  alter("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' ', char(10) || '  ')");
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(LedgerCheckTest, ARowThatItsIndexDoesNotHaveIsFound) {
  job_.run();
  alter(
      "PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'scores_of_record';"
      "DELETE FROM sqlite_schema WHERE name = 'scores_of_record'");
  alter(
      "PRAGMA writable_schema = ON; INSERT INTO scores VALUES (1, 'forged', 'validation', 1, '{}', 2);"
      "INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept");
  EXPECT_THAT(faults(), Contains(HasSubstr("index scores_of_record")));
}

TEST_F(LedgerCheckTest, ACellThatCannotBeReadHidesNoOtherFault) {
  job_.run();
  alter("UPDATE meta SET value = 'x' WHERE key = 'best_version'; UPDATE rounds SET loss = 9 WHERE round = 1");
  EXPECT_THAT(faults(), IsSupersetOf({HasSubstr("round 1: record hash"), HasSubstr("best_version: got \"x\"")}));
  alter("UPDATE updates SET metrics = 'x' WHERE round = 2");
  const std::vector<std::string> found = check(with_receipts()).faults;
  EXPECT_THAT(
      found, IsSupersetOf({HasSubstr("round 1: record hash"), HasSubstr("film's: "), HasSubstr("metrics: got \"x\"")}));
}

TEST_F(LedgerCheckTest, ARefusalSinceTheLastRecordIsNoFaultWhileTheRunGoesOn) {
  job_.run();
  const RefusalRow refusal{"2025-01-31T12:00:01Z", 0, {"late"}, "unlisted", "not listed"};
  Ledger(file()).refuse(refusal);
  EXPECT_THAT(check(request()).notes, IsEmpty()) << "nothing is added after the last record";
  keep_original();
  alter("INSERT INTO refusals SELECT NULL, 't', 0, 'late', 'norm', 'forged', max(number) + 1 FROM records");
  EXPECT_THAT(faults(), Contains(HasSubstr("added later")));
  restore();
  alter(
      "DELETE FROM meta WHERE key = 'sites_told'; DELETE FROM records WHERE number = (SELECT max(number) FROM "
      "records)");
  Ledger(file()).refuse(refusal);
  const CheckResult result = check(request());
  EXPECT_THAT(result.faults, IsEmpty());
  EXPECT_THAT(result.notes, SizeIs(1));
}

TEST_F(LedgerCheckTest, AChainMadeAnewNeedsTheKey) {
  job_.run();
  keep_original();
  const std::string change = "UPDATE updates SET examples = 1 WHERE round = 2 AND site = 'film'";
  alter(change);
  make_anew({}, job_.signer->fingerprint());
  std::vector<std::string> found = faults();
  EXPECT_THAT(found, Each(HasSubstr("not one of these words by the key of \"hub\"")));
  EXPECT_THAT(found, SizeIs(4)) << "round 2 and all records after it";

  restore();
  alter(change);
  make_anew(other_signer(), "");
  EXPECT_THAT(check({.folder = folder()}).faults, IsEmpty()) << "it holds in itself";
  EXPECT_THAT(faults(), Contains(HasSubstr("another CA")));
  CheckRequest receipts = with_receipts();
  receipts.ca.reset();
  found = check(receipts).faults;
  EXPECT_THAT(found, SizeIs(13)) << "each receipt has another record, and one other examples";
  EXPECT_THAT(found, Contains(HasSubstr("the ledger was written anew")));
  EXPECT_THAT(found, Contains(HasSubstr("examples: got 1 in the ledger, expected 20 as signed")));
}

TEST_F(LedgerCheckTest, ReceiptsShowThatARoundWasDropped) {
  const std::filesystem::path second = job_.folder.path() / "run/versions/0002.safetensors",
                              kept = job_.folder.path() / "2.kept";
  job_.at_step = [&](std::string_view) {
    if (std::filesystem::exists(second))
      std::filesystem::copy(second, kept, std::filesystem::copy_options::overwrite_existing);
  };
  job_.run();
  std::filesystem::rename(kept, second);
  alter(
      "DELETE FROM rounds WHERE round = 3; DELETE FROM updates WHERE round = 3; DELETE FROM records WHERE number > 2;"
      "DELETE FROM scores WHERE record > 2; DELETE FROM meta WHERE record > 2");
  const std::filesystem::path folder = job_.folder.path() / "run";
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("the ledger has no end"), HasSubstr("the ledger has no end")));
  std::filesystem::remove_all(folder / "adapter");
  std::filesystem::remove(folder / "summary.json");
  EXPECT_THAT(faults(), IsEmpty()) << "as of a run that died when it had written version 3";
  std::filesystem::copy(folder / "versions/0003.safetensors", folder / "versions/0004.safetensors");
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("ends with round 2")));
  std::filesystem::remove(folder / "versions/0004.safetensors");
  const std::vector<std::string> found = check(with_receipts()).faults;
  EXPECT_THAT(found, SizeIs(4));
  EXPECT_THAT(found, Each(HasSubstr("round 3")));
  EXPECT_THAT(found, Each(HasSubstr("the ledger has no such update")));
}

TEST_F(LedgerCheckTest, AReceiptIsNotBelievedItself) {
  job_.run();
  CheckRequest all = with_receipts();
  CheckRequest one = request();
  const auto fault_of = [&](const std::function<void(wire::Receipt&)>& change) {
    wire::Receipt receipt = all.receipts.front().receipt.value();
    change(receipt);
    one.receipts = {{"a file", receipt}};
    const std::vector<std::string> found = check(one).faults;
    return found.empty() ? "" : found.front();
  };
  EXPECT_EQ(fault_of([](wire::Receipt&) {}), "");
  EXPECT_THAT(fault_of([](wire::Receipt& r) { r.examples += 1; }), HasSubstr("not the coordinator's"));
  EXPECT_THAT(fault_of([](wire::Receipt& r) { r.run_id[0] = 'x'; }), HasSubstr("run: got x"));
  EXPECT_THAT(fault_of([](wire::Receipt& r) { r.certificate = "none"; }), HasSubstr("not a PEM certificate"));
  const crypto::Signer other = other_signer();
  EXPECT_THAT(fault_of([&](wire::Receipt& r) {
                r.signature = to_hex(other.sign(as_bytes(wire::receipt_statement(r))));
                r.certificate = other.certificate();
              }),
              HasSubstr("which the ledger does not have"));
  one.receipts = {{"torn.json", Error{"not a receipt: torn"}}};
  EXPECT_THAT(check(one).faults, Contains(HasSubstr("torn.json: not a receipt")));
}

TEST_F(LedgerCheckTest, NothingIsSignedOnTopOfAChangedLedger) {
  job_.run();
  keep_original();
  alter("UPDATE updates SET examples = 1 WHERE round = 2 AND site = 'film'");
  EXPECT_THAT(refusal_to_go_on(), AllOf(HasSubstr("round 2: record hash"), HasSubstr("put the original back")));
  restore();
  alter("CREATE TRIGGER more AFTER INSERT ON updates BEGIN DELETE FROM refusals; END");
  EXPECT_THAT(refusal_to_go_on(), HasSubstr("trigger more: no ledger has this"));
  restore();
  EXPECT_EQ(refusal_to_go_on(), "");
}

TEST_F(LedgerCheckTest, WhoSignsDoesNotGoOnWithWhatItsCaDidNotSign) {
  job_.run();
  keep_original();
  alter("UPDATE updates SET examples = 1 WHERE round = 2 AND site = 'film'");
  make_anew_without_signatures();
  const CheckResult plain = check({.folder = folder()});
  EXPECT_THAT(plain.faults, IsEmpty()) << "as of a run within one process";
  EXPECT_THAT(check_text(plain), HasSubstr("6 of 6 records are NOT SIGNED"));
  EXPECT_THAT(refusal_to_go_on(), HasSubstr("its record is not signed"));
  EXPECT_THAT(Ledger::open_to_read(file()).certificates(), IsEmpty()) << "nothing is written before it was judged";

  restore();
  job_.ca = pki() / "ca.crt";
  alter("DELETE FROM certificates");
  make_anew(other_signer(), "");
  EXPECT_THAT(refusal_to_go_on(), HasSubstr("another CA"));
}

TEST_F(LedgerCheckTest, AStartWithTheWrongPkiLeavesNothingInTheLedger) {
  job_.run();
  const crypto::Signer hub = *std::exchange(job_.signer, other_signer());
  job_.ca = other_pki() / "ca.crt";
  EXPECT_THAT(refusal_to_go_on(), HasSubstr("another CA"));
  job_.signer = hub;
  job_.ca = pki() / "ca.crt";
  EXPECT_EQ(refusal_to_go_on(), "");
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(LedgerCheckTest, RecordsWithoutSignatureAreCounted) {
  job_.signer.reset();
  job_.at_step = [&](std::string_view at) {
    if (at == "settled") throw Crash{};
  };
  EXPECT_THROW(job_.run(), Crash);
  Ledger(file(), issue_signer(pki(), "hub-2")).finish({1, "stopped"}, {});
  const CheckResult found = check({.folder = {}});
  EXPECT_THAT(found.faults, IsEmpty());
  EXPECT_THAT(check_text(found), HasSubstr("2 of 3 records are NOT SIGNED"));
}

TEST_F(LedgerCheckTest, AChangedAdapterFileIsNamed) {
  job_.run();
  const RunFolder run(folder());
  const StateDict other = small_adapter(99);
  VersionWriter file = run.write_version(3, *other.manifest);
  file.append(other.values);
  file.commit();
  EXPECT_THAT(faults(), Contains(HasSubstr("version 3: ")));
}

TEST_F(LedgerCheckTest, WhatPeopleTakeHomeIsHeldAgainstIt) {
  job_.run();
  const RunFolder run(folder());
  ASSERT_THAT(faults(), IsEmpty());
  const std::string summary = read_text(run.summary()).value();
  nlohmann::json changed = nlohmann::json::parse(summary);
  changed["best_version"] = changed["best_version"].get<int>() + 1;
  ASSERT_TRUE(write_atomic(run.summary(), as_bytes(changed.dump())));
  EXPECT_THAT(faults(), Contains(HasSubstr("best_version: got")));
  changed = nlohmann::json::parse(summary);
  changed["rounds"][1]["loss"] = 0.001;
  ASSERT_TRUE(write_atomic(run.summary(), as_bytes(changed.dump())));
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("rounds: not what follows from the ledger")));
  changed = nlohmann::json::parse(summary);
  changed["rounds"][1]["refusals"].push_back("one that came later");
  ASSERT_TRUE(write_atomic(run.summary(), as_bytes(changed.dump())));
  EXPECT_THAT(faults(), IsEmpty()) << "of late updates the ledger may have heard when it was written";
  std::filesystem::remove(run.summary());
  EXPECT_THAT(faults(), IsEmpty()) << "a crash may come before it";
  ASSERT_TRUE(write_atomic(run.summary(), as_bytes(summary)));
  const std::filesystem::path tensors = run.adapter() / "adapter_model.safetensors";
  std::string bytes = read_text(tensors).value();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(write_atomic(tensors, as_bytes(bytes)));
  EXPECT_THAT(faults(), Contains(HasSubstr("changed or is torn")));
}

TEST_F(LedgerCheckTest, WithoutCertificateItIsChainedAndSaysThatItIsNotSigned) {
  job_.signer.reset();
  job_.run();
  const CheckRequest plain{.folder = folder()};
  EXPECT_THAT(check(plain).faults, IsEmpty());
  EXPECT_THAT(check_text(check(plain)), HasSubstr("NOT SIGNED"));
  EXPECT_THAT(faults(), Contains(HasSubstr("not signed"))) << "who names a CA expects signatures";
  alter("UPDATE rounds SET loss = 0 WHERE round = 2");
  EXPECT_THAT(check(plain).faults, Contains(HasSubstr("round 2: record hash")));
}

TEST_F(LedgerCheckTest, ACrashBetweenCommitAndSettledChangesNoReceipt) {
  for (const char* step : {"ledger_committed", "settled"}) {
    Job job;
    job.signer = job_.signer;
    int seen = 0;
    job.at_step = [&](std::string_view at) {
      if (at == step && ++seen == 2) throw Crash{};
    };
    CoordinatorResult result;
    EXPECT_EQ(job.run_through_crashes(result), 1);
    const auto run = job.folder.path() / "run";
    CoordinatorOptions options = job.options(true);
    const RunStore store(options, job.clock);
    for (const auto& site : job.sites) {
      ASSERT_THAT(site->receipts, SizeIs(3)) << step;
      for (const wire::Receipt& receipt : site->receipts) {
        const auto again = store.settled(site->name(), receipt.round, receipt.digest);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->record, receipt.record);
        EXPECT_EQ(again->signature, receipt.signature);
      }
    }
    EXPECT_THAT(check_ledger(Ledger::open_to_read(run / "ledger.sqlite"), {.folder = run}).faults, IsEmpty());
  }
}

TEST_F(LedgerCheckTest, ACertificateMayBeRenewedBetweenResumes) {
  const crypto::Signer first = *job_.signer;
  bool crashed = false;
  job_.at_step = [&](std::string_view at) {
    if (at != "settled" || std::exchange(crashed, true)) return;
    job_.signer = issue_signer(pki(), "hub-2");
    throw Crash{};
  };
  CoordinatorResult result;
  EXPECT_EQ(job_.run_through_crashes(result), 1);
  EXPECT_TRUE(result.finished);
  const Ledger ledger = Ledger::open_to_read(file());
  EXPECT_THAT(ledger.certificates(), SizeIs(2));
  EXPECT_EQ(ledger.records().front().signer, first.fingerprint());
  EXPECT_EQ(ledger.records().back().signer, job_.signer->fingerprint());
  EXPECT_THAT(check_ledger(ledger, request()).faults, IsEmpty());
}

TEST_F(LedgerCheckTest, IsReadWhileItsCoordinatorRuns) {
  bool looked = false;
  job_.at_step = [&](std::string_view at) {
    if (at != "ledger_committed" || std::exchange(looked, true)) return;
    EXPECT_THAT(faults(), IsEmpty());
    EXPECT_THAT(ledger_text(Ledger::open_to_read(file())), HasSubstr("not ended yet"));
  };
  job_.run();
  EXPECT_TRUE(looked);
  EXPECT_THROW(Ledger::open_to_read(folder() / "none.sqlite"), ConfigError);
}

TEST_F(LedgerCheckTest, ShowNamesWhoCountedAndWhatWasRefused) {
  job_.run();
  const Ledger ledger = Ledger::open_to_read(file());
  const std::string text = ledger_text(ledger);
  EXPECT_THAT(text, HasSubstr("editorials 3, film 20, reviews 37, tweets 54"));
  EXPECT_THAT(text, HasSubstr("stranger"));
  EXPECT_THAT(text, HasSubstr("is not listed in the run file"));
  EXPECT_THAT(text, HasSubstr(ledger.adapter_digest(3).substr(0, 12)));
  std::string json;
  write_ledger_json(ledger, [&](const std::string& part) { json += part; });
  EXPECT_THAT(json, HasSubstr(ledger.records()[2].hash));
  EXPECT_THAT(json, HasSubstr("\"examples\": 54"));
}

}  // namespace
}  // namespace weft::coordinator
