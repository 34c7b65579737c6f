#include "worker/data/text_dataset.h"

#include <array>
#include <string>

#include "common/file/file_util.h"
#include "common/file/posix_file_system.h"
#include "gtest/gtest.h"

namespace banyan::worker {
namespace {

class TextDatasetTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(CreateDirectories(files_, directory_).ok()); }

  TextDataset::Options Write(const std::string& text) {
    const std::string path = JoinPath(directory_, "text.txt");
    EXPECT_TRUE(WriteFileAtomically(files_, path, text).ok());
    return {.path = path, .name = "data:text.txt", .state_directory = JoinPath(directory_, "state"), .context = 4};
  }

  static std::string Text(const TextDataset& data, DataPart part, uint64_t sample) {
    std::array<int32_t, 4> input{};
    std::array<int32_t, 4> target{};
    data.Read(part, sample, std::as_writable_bytes(std::span(input)), std::as_writable_bytes(std::span(target)));
    std::string text;
    for (const int32_t token : input) text += static_cast<char>(token);
    text += "|";
    for (const int32_t token : target) text += static_cast<char>(token);
    return text;
  }

  PosixFileSystem files_;
  const std::string directory_ =
      testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(TextDatasetTest, CutsTheTextIntoOverlappingTargets) {
  const auto data = TextDataset::Open(files_, Write("abcdefghijkl"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);  // floor((12 - 1) / 4)
  EXPECT_EQ((*data)->facts().vocabulary, 256u);
  EXPECT_EQ(Text(**data, DataPart::kTraining, 0), "abcd|bcde");
  EXPECT_EQ(Text(**data, DataPart::kTraining, 1), "efgh|fghi");
}

TEST_F(TextDatasetTest, HoldsOutTheTail) {
  TextDataset::Options options = Write("abcdefghijklmnopqrst");
  options.held_out = 0.5;
  const auto data = TextDataset::Open(files_, options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().held_out_samples, 2u);
  EXPECT_EQ(Text(**data, DataPart::kHeldOut, 0), "klmn|lmno");
}

TEST_F(TextDatasetTest, HashIsThatOfTheFile) {
  const auto data = TextDataset::Open(files_, Write("abcdefgh"));
  ASSERT_TRUE(data.ok());
  EXPECT_EQ((*data)->facts().hash, "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab");  // sha256sum
}

TEST_F(TextDatasetTest, TheIndexIsMadeOnceAndRepairedWhenTorn) {
  const TextDataset::Options options = Write("abcdefgh");
  ASSERT_TRUE(TextDataset::Open(files_, options).ok());
  const auto names = files_.List(options.state_directory);
  ASSERT_TRUE(names.ok());
  ASSERT_EQ(names->size(), 1u);
  const std::string index = JoinPath(options.state_directory, names->front());
  ASSERT_TRUE(WriteFileAtomically(files_, index, "abc").ok());
  const auto data = TextDataset::Open(files_, options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(Text(**data, DataPart::kTraining, 0), "abcd|bcde");
}

TEST_F(TextDatasetTest, TooShortATextIsAnError) {
  const auto data = TextDataset::Open(files_, Write("abcd"));
  EXPECT_EQ(data.status().message(),
            "text 'data:text.txt': the training part has 4 tokens, a sample of context 4 needs 5");
}

TEST_F(TextDatasetTest, TooShortAHeldOutPartIsAnError) {
  TextDataset::Options options = Write("abcdefghijklmnop");
  options.held_out = 0.1;
  EXPECT_EQ(TextDataset::Open(files_, options).status().message(),
            "text 'data:text.txt': the held-out part has 2 tokens, a sample of context 4 needs 5");
}

TEST_F(TextDatasetTest, AMissingFileIsAnError) {
  TextDataset::Options options = Write("");
  EXPECT_NE(TextDataset::Open(files_, options).status().message().find("is empty"), std::string::npos);
  options.path += ".no";
  EXPECT_EQ(TextDataset::Open(files_, options).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace banyan::worker
