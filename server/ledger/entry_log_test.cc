#include "server/ledger/entry_log.h"

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

Entry At(Step step, uint32_t chunk = 0) { return {.term = 1, .step = step, .chunk = ChunkId(chunk)}; }

TEST(EntryLogTest, TellsEachEntryOnceASession) {
  EntryLog log;
  log.Add(At(1));
  EXPECT_EQ(log.TakeNew().size(), 1u);
  log.Add(At(2));

  EXPECT_EQ(log.TakeNew(), std::vector<Entry>{At(2)});
  EXPECT_TRUE(log.TakeNew().empty());
}

TEST(EntryLogTest, TellsANewSessionAllThatIsKept) {
  EntryLog log;
  for (Step step = 1; step <= 3; ++step) log.Add(At(step));
  log.TakeNew();
  log.ForgetThrough(1);

  log.OnSession();

  EXPECT_EQ(log.TakeNew(), (std::vector<Entry>{At(2), At(3)}));
}

TEST(EntryLogTest, KeepsWhatIsNotWritten) {
  EntryLog log;
  log.Add(At(1, 7));
  log.Add(At(2, 7));
  log.TakeNew();
  log.Add(At(1, 8));  // one chunk is a step ahead of another
  log.Add(At(3, 7));

  log.ForgetThrough(1);

  EXPECT_EQ(log.size(), 2u);
  EXPECT_EQ(log.TakeNew(), std::vector<Entry>{At(3, 7)}) << "step 2 has been told";
}

TEST(EntryLogTest, IsFullUntilLinesAreWritten) {
  EntryLog log(3 * EntryLog::BytesOf(At(1)));
  for (Step step = 1; step <= 2; ++step) log.Add(At(step));
  EXPECT_FALSE(log.full());
  log.Add(At(3));
  EXPECT_TRUE(log.full());
  log.Add(At(4));  // of the step under way
  log.ForgetThrough(1);
  EXPECT_TRUE(log.full());
  EXPECT_EQ(log.oldest(), 2u);
  log.ForgetThrough(2);
  EXPECT_FALSE(log.full());
  EXPECT_EQ(log.bytes(), 2 * EntryLog::BytesOf(At(1)));
}

TEST(EntryLogTest, TellsManyInPages) {
  EntryLog log;
  for (Step step = 1; step <= 5; ++step) log.Add(At(step));
  const size_t two = 2 * EntryLog::BytesOf(At(1));
  EXPECT_TRUE(log.TakeNew(0).empty());
  EXPECT_EQ(log.TakeNew(two), (std::vector<Entry>{At(1), At(2)}));
  EXPECT_EQ(log.TakeNew(1), std::vector<Entry>{At(3)}) << "one at least";
  EXPECT_EQ(log.TakeNew(), (std::vector<Entry>{At(4), At(5)}));
}

TEST(EntryLogTest, AddsOnlyWhatIsMissing) {
  EntryLog log;
  log.Add(At(1));
  log.Add(At(2));
  log.AddMissing({At(1), At(2), At(3), At(1, 4)});
  EXPECT_EQ(log.TakeNew(), (std::vector<Entry>{At(1), At(2), At(3), At(1, 4)}));
}

}  // namespace
}  // namespace banyan::server
