#include "server/shard/chunk_memory.h"

#include <cstring>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace banyan::server {
namespace {

TEST(ChunkMemoryTest, CountsTheBytesThatAreAlive) {
  ChunkMemory memory(64);
  BufferRef buffer = memory.Allocate(100);
  EXPECT_EQ(memory.total_bytes(), 400u);

  buffer.reset();

  EXPECT_EQ(memory.total_bytes(), 0u);
}

TEST(ChunkMemoryTest, ReusesPooledBuffers) {
  ChunkMemory memory(64);
  BufferRef first = memory.TakePooled();
  Buffer* const address = first.get();
  memory.GivePooled(std::move(first));

  const BufferRef second = memory.TakePooled();
  EXPECT_EQ(second.get(), address);
  EXPECT_EQ(memory.pooled_in_use(), 1u);
  EXPECT_EQ(memory.total_bytes(), 256u);
}

TEST(BufferTest, IsLentUntilTheLastCopyOfThePayloadIsGone) {
  ChunkMemory memory(64);
  const BufferRef buffer = memory.Allocate(4);
  EXPECT_FALSE(buffer->lent());

  Payload payload = Lend(buffer);
  Payload copy = payload;
  payload = Payload();
  EXPECT_TRUE(buffer->lent());
  copy = Payload();

  EXPECT_FALSE(buffer->lent());
}

TEST(BufferTest, ALoanOutlivesItsChunk) {
  ChunkMemory memory(64);
  BufferRef buffer = memory.Allocate(1);
  buffer->values()[0] = 7;
  Payload payload = Lend(buffer);

  buffer.reset();

  float value = 0;
  std::memcpy(&value, payload.ranges()[0].bytes.data(), sizeof(value));
  EXPECT_EQ(value, 7);
  EXPECT_EQ(memory.total_bytes(), 4u);
  payload = Payload();
  EXPECT_EQ(memory.total_bytes(), 0u);
}

TEST(BufferTest, IsAligned) {
  ChunkMemory memory(64);

  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.Allocate(3)->values().data()) % 64, 0u);
}

// For ThreadSanitizer: the writer goes on once the reader on another thread has let go.
TEST(BufferTest, WhatAReaderDidHappenedBeforeItIsFree) {
  ChunkMemory memory(64);
  const BufferRef buffer = memory.Allocate(1);
  buffer->values()[0] = 1;
  std::jthread reader([payload = Lend(buffer)]() mutable {
    float value = 0;
    std::memcpy(&value, payload.ranges()[0].bytes.data(), sizeof(value));
    EXPECT_EQ(value, 1);
    payload = Payload();
  });

  while (buffer->lent()) std::this_thread::yield();
  buffer->values()[0] = 2;
}

}  // namespace
}  // namespace banyan::server
