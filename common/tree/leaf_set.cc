#include "common/tree/leaf_set.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace banyan {
namespace {

// Calls use(word index, mask of the range's bits in it) for each word that `range` touches.
template <typename Use>
void ForEachWord(LeafRange range, const Use& use) {
  for (uint32_t leaf = range.begin; leaf < range.end;) {
    const uint32_t begin = leaf % 64;
    const uint32_t size = std::min(64 - begin, range.end - leaf);
    const uint64_t ones = size == 64 ? ~uint64_t{0} : (uint64_t{1} << size) - 1;
    use(leaf / 64, ones << begin);
    leaf += size;
  }
}

}  // namespace

LeafSet::LeafSet(uint32_t leaves) : leaves_(leaves), words_((leaves + 63) / 64) {
  CHECK_GE(leaves, 1u);
  CHECK_LE(leaves, Tree::kMaxLeaves);
}

absl::StatusOr<LeafSet> LeafSet::FromBytes(uint32_t leaves, std::span<const uint8_t> bytes) {
  LeafSet set(leaves);
  const size_t expected = (leaves + 7) / 8;
  if (bytes.size() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("set of ", leaves, " leaves has ", bytes.size(), " bytes, expected ", expected));
  }
  if (leaves % 8 != 0 && bytes.back() >> (leaves % 8) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("set of ", leaves, " leaves has bits set beyond leaf ", leaves - 1));
  }
  for (size_t i = 0; i < bytes.size(); ++i) set.words_[i / 8] |= uint64_t{bytes[i]} << (i % 8 * 8);
  for (const uint64_t word : set.words_) set.count_ += static_cast<uint32_t>(std::popcount(word));
  return set;
}

std::vector<uint8_t> LeafSet::ToBytes() const {
  std::vector<uint8_t> bytes((leaves_ + 7) / 8);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(words_[i / 8] >> (i % 8 * 8));
  return bytes;
}

void LeafSet::Add(LeafRange range) {
  CHECK_LE(range.end, leaves_);
  ForEachWord(range, [&](uint32_t word, uint64_t mask) {
    count_ += static_cast<uint32_t>(std::popcount(mask & ~words_[word]));
    words_[word] |= mask;
  });
}

void LeafSet::Remove(LeafRange range) {
  CHECK_LE(range.end, leaves_);
  ForEachWord(range, [&](uint32_t word, uint64_t mask) {
    count_ -= static_cast<uint32_t>(std::popcount(mask & words_[word]));
    words_[word] &= ~mask;
  });
}

void LeafSet::Clear() {
  std::fill(words_.begin(), words_.end(), 0);
  count_ = 0;
}

uint32_t LeafSet::Count(LeafRange range) const {
  CHECK_LE(range.end, leaves_);
  uint32_t count = 0;
  ForEachWord(range, [&](uint32_t word, uint64_t mask) {
    count += static_cast<uint32_t>(std::popcount(mask & words_[word]));
  });
  return count;
}

void LeafSet::AddAll(const LeafSet& other) {
  CHECK_EQ(other.leaves_, leaves_);
  count_ = 0;
  for (size_t i = 0; i < words_.size(); ++i) {
    words_[i] |= other.words_[i];
    count_ += static_cast<uint32_t>(std::popcount(words_[i]));
  }
}

LeafSet LeafSet::Complement() const {
  LeafSet result(leaves_);
  result.Add({0, leaves_});
  for (size_t i = 0; i < words_.size(); ++i) result.words_[i] &= ~words_[i];
  result.count_ = leaves_ - count_;
  return result;
}

std::vector<LeafRange> LeafSet::Ranges() const {
  std::vector<LeafRange> ranges;
  for (uint32_t leaf = 0; leaf < leaves_; ++leaf) {
    if (!Contains(leaf)) continue;
    if (!ranges.empty() && ranges.back().end == leaf) {
      ++ranges.back().end;
    } else {
      ranges.push_back({leaf, leaf + 1});
    }
  }
  return ranges;
}

}  // namespace banyan
