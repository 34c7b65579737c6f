#include "common/rpc/replica_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/tensor_codec.h"

namespace banyan {
namespace {

// More would be no optimizer.
constexpr uint32_t kMaxSlots = 16;

std::vector<Frame> Encode(const Greeting& greeting) {
  std::vector<Frame> frames(1);
  v1::Greeting& message = *frames[0].header.mutable_greeting();
  message.set_term(greeting.term);
  message.set_epoch(greeting.epoch);
  message.set_server(greeting.server.value());
  message.set_incarnation(greeting.incarnation.value());
  message.set_shard(greeting.shard);
  return frames;
}

std::vector<Frame> Encode(const Root& root) {
  std::vector<Frame> frames(1);
  v1::Root& message = *frames[0].header.mutable_root();
  message.set_term(root.term);
  message.set_epoch(root.epoch);
  message.set_step(root.step);
  message.set_chunk(root.chunk.value());
  message.set_weight(root.weight);
  message.set_loss(root.loss);
  if (root.before.has_value()) *message.mutable_before() = EncodeLedger(*root.before);
  DescribePayload(root.data, v1::DENSE, message.mutable_tensor());
  frames[0].payload = root.data;
  return frames;
}

std::vector<Frame> Encode(const ChunkState& state) {
  std::vector<Frame> frames(1);
  v1::ChunkState& message = *frames[0].header.mutable_chunk_state();
  message.set_term(state.term);
  message.set_epoch(state.epoch);
  message.set_applied(state.applied);
  message.set_chunk(state.chunk.value());
  message.set_has_previous(state.previous.has_value());
  message.set_slots(static_cast<uint32_t>(state.slots.size()));
  if (state.ledger.has_value()) {
    *message.add_last_two() = EncodeLedger(*state.ledger);
    if (state.previous_ledger.has_value()) *message.add_last_two() = EncodeLedger(*state.previous_ledger);
  }
  for (const Entry& entry : state.entries) *message.add_entries() = EncodeEntry(entry);
  DescribePayload(state.weights, v1::DENSE, message.mutable_tensor());
  frames[0].payload = state.weights;
  std::vector<Payload> more = state.slots;
  if (state.previous.has_value()) more.push_back(*state.previous);
  for (Payload& buffer : more) {
    Frame& frame = frames.emplace_back();
    frame.header.mutable_chunk_buffer()->set_chunk(state.chunk.value());
    DescribePayload(buffer, v1::DENSE, frame.header.mutable_chunk_buffer()->mutable_tensor());
    frame.payload = std::move(buffer);
  }
  return frames;
}

absl::StatusOr<ToBackup> DecodeRoot(const v1::Root& message, Payload payload) {
  RETURN_IF_ERROR(CheckPayload(message.tensor(), payload,
                               absl::StrCat("root of chunk ", message.chunk(), " for step ", message.step())));
  Root root = {.term = message.term(),
               .epoch = message.epoch(),
               .step = message.step(),
               .chunk = ChunkId(message.chunk()),
               .weight = message.weight(),
               .loss = message.loss(),
               .data = std::move(payload)};
  if (message.has_before()) root.before = DecodeLedger(message.before());
  return root;
}

absl::StatusOr<ChunkState> DecodeChunkState(const v1::ChunkState& message, Payload payload) {
  const std::string what = absl::StrCat("state of chunk ", message.chunk(), " at step ", message.applied());
  RETURN_IF_ERROR(CheckPayload(message.tensor(), payload, what));
  if (message.slots() > kMaxSlots) {
    return absl::InvalidArgumentError(absl::StrCat(what, " has ", message.slots(), " slots, expected at most ",
                                                   kMaxSlots));
  }
  ChunkState state = {.term = message.term(),
                      .epoch = message.epoch(),
                      .applied = message.applied(),
                      .chunk = ChunkId(message.chunk()),
                      .weights = std::move(payload)};
  if (message.last_two_size() > 0) state.ledger = DecodeLedger(message.last_two(0));
  if (message.last_two_size() > 1) state.previous_ledger = DecodeLedger(message.last_two(1));
  for (const v1::Entry& entry : message.entries()) state.entries.push_back(DecodeEntry(entry));
  return state;
}

}  // namespace

std::vector<Frame> EncodeToBackup(const ToBackup& message) {
  return std::visit([](const auto& value) { return Encode(value); }, message);
}

std::optional<ToBackup> ToBackupDecoder::TakeWhole() {
  if (state_->slots.size() < slots_ || (has_previous_ && !state_->previous.has_value())) return std::nullopt;
  return *std::exchange(state_, std::nullopt);
}

absl::StatusOr<std::optional<ToBackup>> ToBackupDecoder::Add(Frame frame) {
  if (state_.has_value()) {
    const v1::ChunkBuffer& buffer = frame.header.chunk_buffer();
    const std::string what = absl::StrCat("state of chunk ", state_->chunk.value(), ", buffer ",
                                          state_->slots.size() + 1);
    if (!frame.header.has_chunk_buffer() || buffer.chunk() != state_->chunk.value()) {
      return absl::InvalidArgumentError(absl::StrCat(what, " is missing: the frame has message number ",
                                                     frame.header.message_case()));
    }
    RETURN_IF_ERROR(CheckPayload(buffer.tensor(), frame.payload, what));
    if (state_->slots.size() < slots_) {
      state_->slots.push_back(std::move(frame.payload));
    } else {
      state_->previous = std::move(frame.payload);
    }
    return TakeWhole();
  }
  switch (frame.header.message_case()) {
    case v1::FrameHeader::kGreeting: {
      const v1::Greeting& message = frame.header.greeting();
      return Greeting{.term = message.term(),
                      .epoch = message.epoch(),
                      .server = ServerId(message.server()),
                      .incarnation = Incarnation(message.incarnation()),
                      .shard = message.shard()};
    }
    case v1::FrameHeader::kRoot: {
      ASSIGN_OR_RETURN(ToBackup root, DecodeRoot(frame.header.root(), std::move(frame.payload)));
      return root;
    }
    case v1::FrameHeader::kChunkState: {
      const v1::ChunkState& message = frame.header.chunk_state();
      ASSIGN_OR_RETURN(state_, DecodeChunkState(message, std::move(frame.payload)));
      slots_ = message.slots();
      has_previous_ = message.has_previous();
      return TakeWhole();
    }
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("frame with message number ", frame.header.message_case(), " is not for a backup"));
  }
}

Frame EncodeHeld(const Held& held) {
  Frame frame;
  v1::Held& message = *frame.header.mutable_held();
  message.set_term(held.term);
  message.set_epoch(held.epoch);
  for (const Held::Chunk& chunk : held.chunks) {
    v1::Held::Chunk& part = *message.add_chunks();
    part.set_chunk(chunk.chunk.value());
    if (chunk.applied.has_value()) part.set_applied(*chunk.applied);
    part.set_root_epoch(chunk.root_epoch);
  }
  return frame;
}

absl::StatusOr<Held> DecodeHeld(const Frame& frame) {
  if (!frame.header.has_held()) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame with message number ", frame.header.message_case(), " is not for a primary"));
  }
  const v1::Held& message = frame.header.held();
  Held held = {.term = message.term(), .epoch = message.epoch()};
  for (const v1::Held::Chunk& part : message.chunks()) {
    Held::Chunk& chunk = held.chunks.emplace_back(Held::Chunk{.chunk = ChunkId(part.chunk())});
    if (part.has_applied()) chunk.applied = part.applied();
    chunk.root_epoch = part.root_epoch();
  }
  return held;
}

}  // namespace banyan
