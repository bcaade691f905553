// A site has the coordinator's signed word on disk before it forgets an update, or keeps the update and says why.
#include "worker/receipts.h"

#include <unistd.h>

#include <fstream>

#include "common/crypto/signature.h"
#include "tests/worker/session_support.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ReceiptsTest : public SessionTest {
 protected:
  ReceiptsTest()
      : folder_(std::filesystem::path(testing::TempDir()) / ("weft_receipts_" + std::to_string(::getpid()))),
        signer_(make_signer()) {
    certificate_ = signer_.certificate();
  }
  ~ReceiptsTest() override { std::filesystem::remove_all(folder_); }

  crypto::Signer make_signer() const {
    std::filesystem::remove_all(folder_);
    crypto::init_ca(folder_ / "pki");
    return crypto::Signer(
        crypto::issue(folder_ / "pki", {.name = "fl.example.org", .role = crypto::Role::coordinator}));
  }
  wire::Receipt receipt(std::uint32_t round) const {
    wire::Receipt made{.run_id = kRunId,
                       .round = round,
                       .site = "alpha",
                       .digest = update(round).digest,
                       .examples = 100,
                       .record = std::string(64, 'a'),
                       .certificate = signer_.certificate()};
    made.signature = to_hex(signer_.sign(as_bytes(wire::receipt_statement(made))));
    return made;
  }
  static wire::Message settled(const wire::Receipt& receipt) {
    return wire::Settled{.round = receipt.round,
                         .digest = receipt.digest,
                         .verdict = "committed",
                         .record = receipt.record,
                         .signature = receipt.signature};
  }

  std::filesystem::path folder_;
  crypto::Signer signer_;
};

TEST_F(ReceiptsTest, TheReceiptIsKeptBeforeTheUpdateIsForgotten) {
  make_ready();
  train(1);
  feed(settled(receipt(1)));
  ASSERT_THAT(actions<KeepReceipt>(), SizeIs(1));
  EXPECT_EQ(actions<KeepReceipt>()[0].receipt, receipt(1));
  EXPECT_THAT(actions<Forget>(), IsEmpty());
  feed(ReceiptKept{1});
  ASSERT_THAT(actions<Forget>(), SizeIs(1));
  EXPECT_EQ(actions<Forget>()[0].round, 1U);
  feed(settled(receipt(1)));
  EXPECT_THAT(last_, IsEmpty()) << "it is settled";
}

TEST_F(ReceiptsTest, AnUpdateWithoutAGoodReceiptIsKeptAndOfferedAgain) {
  make_ready();
  train(1);
  wire::Receipt other = receipt(1);
  other.record = std::string(64, 'b');  // not the one that was signed
  feed(settled(other));
  EXPECT_THAT(said(), HasSubstr("its receipt does not hold"));
  EXPECT_THAT(actions<Forget>(), IsEmpty());
  EXPECT_THAT(actions<KeepReceipt>(), IsEmpty());
  other = receipt(1);
  other.signature.clear();
  feed(settled(other));
  EXPECT_THAT(said(), HasSubstr("signature of 0 bytes"));
  come_back();
  feed(wire::Message(work(2)));
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(1)) << "the coordinator may do better";
  feed(wire::Message(wire::Finished{.version = 1, .reason = "all rounds are done"}));
  EXPECT_THAT(actions<Forget>(), IsEmpty()) << "it stays when the run ends";
}

TEST_F(ReceiptsTest, AGoodReceiptEndsADispute) {
  make_ready();
  train(1);
  wire::Receipt other = receipt(1);
  other.signature = receipt(2).signature;
  feed(settled(other));
  EXPECT_THAT(actions<KeepReceipt>(), IsEmpty());
  feed(settled(receipt(1)));
  ASSERT_THAT(actions<KeepReceipt>(), SizeIs(1));
  feed(ReceiptKept{1});
  EXPECT_THAT(actions<Forget>(), SizeIs(1));
}

TEST_F(ReceiptsTest, AReceiptThatCannotBeKeptKeepsTheUpdate) {
  make_ready();
  train(1);
  feed(settled(receipt(1)));
  feed(DiskFailed{"the receipt cannot be kept: no space"});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::failed);
  EXPECT_THAT(actions<Forget>(), IsEmpty());
}

TEST_F(ReceiptsTest, AreReadBackInOrderAndKeptOnce) {
  ASSERT_TRUE(keep_receipt(folder_, receipt(2)));
  ASSERT_TRUE(keep_receipt(folder_, receipt(1)));
  ASSERT_TRUE(keep_receipt(folder_, receipt(1)));
  wire::Receipt other_run = receipt(1);
  other_run.run_id = std::string(32, 'f');
  ASSERT_TRUE(keep_receipt(folder_, other_run));
  const auto stored = receipts_of(folder_, kRunId);
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_EQ(stored[0].receipt.value(), receipt(1));
  EXPECT_EQ(stored[1].receipt.value(), receipt(2));
  wire::Receipt rewritten = receipt(1);
  rewritten.record = std::string(64, 'b');
  ASSERT_TRUE(keep_receipt(folder_, rewritten));
  EXPECT_THAT(receipts_of(folder_, kRunId), SizeIs(3)) << "who says two things has signed both";
  EXPECT_THAT(receipts_of(folder_ / "nowhere", kRunId), IsEmpty());
}

TEST_F(ReceiptsTest, ADamagedOneIsNamed) {
  ASSERT_TRUE(keep_receipt(folder_, receipt(1)));
  const auto file = receipts_of(folder_, kRunId)[0].file;
  std::filesystem::resize_file(file, 20);
  EXPECT_THAT(receipts_of(folder_, kRunId)[0].receipt.error().message, HasSubstr("not a receipt"));
}

}  // namespace
}  // namespace weft::worker
