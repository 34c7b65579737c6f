#include "worker/data/token_index.h"

#include <string>
#include <vector>

#include "worker/data/data_fixture.h"

namespace banyan::worker {
namespace {

class TokenIndexTest : public DataTest {
 protected:
  absl::Status WriteIndex(const std::vector<uint16_t>& tokens) {
    return TokenIndex::Write(files_, path_, [&](TokenIndex::Sink sink) {
      const absl::Status first = sink(std::span(tokens).first(tokens.size() / 2));
      return first.ok() ? sink(std::span(tokens).subspan(tokens.size() / 2)) : first;
    });
  }
  std::vector<uint16_t> Tokens() {
    const auto index = TokenIndex::Open(path_);
    EXPECT_TRUE(index.ok()) << index.status();
    if (!index.ok()) return {};
    return {index->tokens().begin(), index->tokens().end()};
  }

  const std::string path_ = JoinPath(directory_, "a.tokens");
  const std::vector<uint16_t> tokens_ = {1, 65535, 3, 0, 7};
};

TEST_F(TokenIndexTest, KeepsTokens) {
  ASSERT_TRUE(WriteIndex(tokens_).ok());
  EXPECT_EQ(Tokens(), tokens_);
  EXPECT_EQ(files_.List(directory_).value().size(), 1u);
}

TEST_F(TokenIndexTest, AMissingOneIsNotFound) {
  EXPECT_EQ(TokenIndex::Open(path_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TokenIndexTest, AnyDamageIsFound) {
  ASSERT_TRUE(WriteIndex(tokens_).ok());
  const std::string good = ReadFile(files_, path_, 1000).value();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    Write("a.tokens", bad);
    EXPECT_EQ(TokenIndex::Open(path_).status().code(), absl::StatusCode::kDataLoss) << "byte " << i;
    Write("a.tokens", good.substr(0, i));
    EXPECT_FALSE(TokenIndex::Open(path_).ok()) << "cut at " << i;
  }
  Write("a.tokens", good + "xx");
  EXPECT_FALSE(TokenIndex::Open(path_).ok());
}

TEST_F(TokenIndexTest, AFailedWriterLeavesNothingUnderTheName) {
  const absl::Status status =
      TokenIndex::Write(files_, path_, [](TokenIndex::Sink) { return absl::AbortedError("changed"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(files_.List(directory_).value().empty());
  EXPECT_EQ(TokenIndex::Open(path_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TokenIndexTest, WhatAKilledWriterLeftDoesNotMatter) {
  Write("a.tokens.tmp", std::string(1000, 'x'));
  ASSERT_TRUE(WriteIndex(tokens_).ok());
  EXPECT_EQ(Tokens(), tokens_);
}

TEST_F(TokenIndexTest, SeveralMayWriteItAtOnce) {
  const absl::Status status = TokenIndex::Write(files_, path_, [&](TokenIndex::Sink sink) {
    const absl::Status first = sink(std::span(tokens_).first(2));
    EXPECT_TRUE(WriteIndex(tokens_).ok());  // another process, from beginning to end
    EXPECT_EQ(Tokens(), tokens_);
    return first.ok() ? sink(std::span(tokens_).subspan(2)) : first;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Tokens(), tokens_);
}

}  // namespace
}  // namespace banyan::worker
