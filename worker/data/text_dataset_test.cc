#include "worker/data/text_dataset.h"

#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

class TextDatasetTest : public DataTest {
 protected:
  absl::StatusOr<std::unique_ptr<TextDataset>> Open(const std::string& text, double held_out = 0,
                                                    uint64_t context = 4) {
    Write("text.txt", text);
    const auto file = OpenFile("text.txt");
    if (!file.ok()) return file.status();
    return TextDataset::Open(files_, *file, {.index_directory = index_, .context = context, .held_out = held_out});
  }
  std::string Hash(const std::string& text, double held_out = 0, uint64_t context = 4) {
    return Open(text, held_out, context).value()->facts().hash;
  }
  std::string IndexPath() {
    const auto names = files_.List(index_).value();
    EXPECT_EQ(names.size(), 1u);
    return JoinPath(index_, names.front());
  }

  // "input|target"
  static std::string Text(const Dataset& data, DataPart part, uint64_t sample) {
    std::string text;
    for (const int32_t token : ReadSample<int32_t>(data, part, sample)) text += static_cast<char>(token);
    return text.insert(text.size() / 2, "|");
  }

  const std::string index_ = JoinPath(directory_, "state/index");
};

TEST_F(TextDatasetTest, CutsTheTextIntoOverlappingTargets) {
  const auto data = Open("abcdefghijkl");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);  // floor((12 - 1) / 4)
  EXPECT_EQ((*data)->facts().held_out_samples, 0u);
  EXPECT_EQ((*data)->facts().vocabulary, 256u);
  EXPECT_EQ(Text(**data, DataPart::kTraining, 0), "abcd|bcde");
  EXPECT_EQ(Text(**data, DataPart::kTraining, 1), "efgh|fghi");
}

TEST_F(TextDatasetTest, BytesAreUnsigned) {
  const auto data = Open("\xFF\x80\x7F\n\r");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(ReadSample<int32_t>(**data, DataPart::kTraining, 0),
            std::vector<int32_t>({0xFF, 0x80, 0x7F, 10, 0x80, 0x7F, 10, 13}));
}

TEST_F(TextDatasetTest, HoldsOutTheTail) {
  const auto data = Open("abcdefghijklmnopqrst", 0.5);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ((*data)->facts().samples, 2u);
  EXPECT_EQ((*data)->facts().held_out_samples, 2u);
  EXPECT_EQ(Text(**data, DataPart::kTraining, 1), "efgh|fghi");
  EXPECT_EQ(Text(**data, DataPart::kHeldOut, 0), "klmn|lmno");
  EXPECT_EQ(Text(**data, DataPart::kHeldOut, 1), "opqr|pqrs");
}

TEST_F(TextDatasetTest, HashIsWhatTheHeaderSays) {
  // sha256sum of "abcdefgh"
  const std::string file = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab";
  EXPECT_EQ(Hash("abcdefgh"),
            Sha256Hex("text sha256=" + file + " tokenizer=bytes context=4 training=8 held_out=0\n"));
}

TEST_F(TextDatasetTest, AnotherHashForWhateverMakesOtherSamples) {
  const std::string text = "abcdefghijklmnopqrst";
  const std::string hash = Hash(text, 0.5);
  EXPECT_EQ(Hash(text, 0.501), hash);  // the same tokens held out
  EXPECT_NE(Hash("abcdefghijklmnopqrsT", 0.5), hash);
  EXPECT_NE(Hash(text, 0.4), hash);
  EXPECT_NE(Hash(text, 0.5, 3), hash);
}

TEST_F(TextDatasetTest, TheIndexIsMadeOnceForAllWaysToCutTheText) {
  ASSERT_TRUE(Open("abcdefghijklmnopqrst").ok());
  // A reader that finds it does not write.
  ASSERT_TRUE(files_.CreateDirectory(IndexPath() + ".tmp").ok());
  const auto data = Open("abcdefghijklmnopqrst", 0.5, 3);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(Text(**data, DataPart::kTraining, 1), "def|efg");
}

TEST_F(TextDatasetTest, ADamagedIndexIsMadeAnew) {
  ASSERT_TRUE(Open("abcdefgh").ok());
  for (const std::string& damage : {std::string("abc"), std::string(), std::string(48, '\0')}) {
    ASSERT_TRUE(WriteFileAtomically(files_, IndexPath(), damage).ok());
    const auto data = Open("abcdefgh");
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(Text(**data, DataPart::kTraining, 0), "abcd|bcde");
  }
}

TEST_F(TextDatasetTest, AnIndexThatCannotBeWrittenIsKeptInMemory) {
  Write("state", "a file where the folder should be");
  const auto data = Open("abcdefghijkl");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(Text(**data, DataPart::kTraining, 0), "abcd|bcde");
  EXPECT_EQ(Text(**data, DataPart::kTraining, 1), "efgh|fghi");
  const std::string hash = (*data)->facts().hash;
  ASSERT_TRUE(files_.Remove(JoinPath(directory_, "state")).ok());
  EXPECT_EQ(Hash("abcdefghijkl"), hash);
}

TEST_F(TextDatasetTest, TooShortAPartIsAnError) {
  EXPECT_EQ(Open("abcd").status().message(),
            "data file 'data:text.txt': its training part has 4 tokens, a sample of context 4 needs 5");
  EXPECT_EQ(Open("abcdefghijklmnop", 0.1).status().message(),
            "data file 'data:text.txt': its held-out part has 2 tokens, a sample of context 4 needs 5");
}

}  // namespace
}  // namespace banyan::worker
