#include "common/rpc/exchange_codec.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/tensor_codec.h"

namespace banyan {
namespace {

absl::Status Missing(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is missing"));
}

void EncodeSegmentSum(const SegmentSum& part, v1::SegmentSum* message) {
  message->set_chunk(part.chunk.value());
  message->set_segment(part.segment);
  message->set_sum_of_squares(part.sum_of_squares);
}

SegmentSum DecodeSegmentSum(const v1::SegmentSum& message) {
  return {.chunk = ChunkId(message.chunk()),
          .segment = message.segment(),
          .sum_of_squares = message.sum_of_squares()};
}

// ---- One overload a message.

Frame Encode(const Hello& hello) {
  Frame frame;
  v1::Hello& message = *frame.header.mutable_hello();
  message.set_term(hello.term);
  message.set_epoch(hello.epoch);
  message.set_worker(hello.worker.value());
  message.set_incarnation(hello.incarnation.value());
  message.set_shard(hello.shard);
  return frame;
}

Frame Encode(const Push& push) {
  Frame frame;
  v1::Push& message = *frame.header.mutable_push();
  message.set_term(push.term);
  message.set_step(push.step);
  message.set_chunk(push.chunk.value());
  message.set_use(push.use);
  *message.mutable_node() = EncodeNode(push.node);
  message.set_weight(push.weight);
  message.set_loss(push.loss);
  message.set_zero(push.zero);
  DescribePayload(push.data, v1::DENSE, message.mutable_tensor());
  frame.payload = push.data;
  return frame;
}

Frame Encode(const Pull& pull) {
  Frame frame;
  v1::Pull& message = *frame.header.mutable_pull();
  message.set_term(pull.term);
  message.set_step(pull.step);
  message.set_chunk(pull.chunk.value());
  return frame;
}

Frame Encode(const State& state) {
  Frame frame;
  v1::State& message = *frame.header.mutable_state();
  message.set_term(state.term);
  message.set_epoch(state.epoch);
  message.set_done_through(state.done_through);
  message.set_window_end(state.window_end);
  for (const State::Chunk& chunk : state.chunks) {
    v1::State::Chunk& part = *message.add_chunks();
    part.set_chunk(chunk.chunk.value());
    part.set_use(chunk.use);
    part.set_applied(chunk.applied);
    const std::vector<uint8_t> covered = chunk.covered.ToBytes();
    part.set_covered(covered.data(), covered.size());
  }
  if (state.map.has_value()) *message.mutable_map() = EncodeChunkMap(*state.map);
  return frame;
}

Frame Encode(const Weights& weights) {
  Frame frame;
  v1::Weights& message = *frame.header.mutable_weights();
  message.set_term(weights.term);
  message.set_epoch(weights.epoch);
  message.set_step(weights.step);
  if (weights.chunk.has_value()) message.set_chunk(weights.chunk->value());
  if (weights.ledger.has_value()) *message.mutable_ledger() = EncodeLedger(*weights.ledger);
  message.set_done_through(weights.done_through);
  message.set_window_end(weights.window_end);
  DescribePayload(weights.data, v1::DENSE, message.mutable_tensor());
  frame.payload = weights.data;
  return frame;
}

Frame Encode(const Moved& moved) {
  Frame frame;
  v1::Moved& message = *frame.header.mutable_moved();
  message.set_epoch(moved.epoch);
  message.set_chunk(moved.chunk.value());
  if (moved.primary.has_value()) message.set_primary(moved.primary->value());
  return frame;
}

Hello DecodeHello(const v1::Hello& message) {
  return {.term = message.term(),
          .epoch = message.epoch(),
          .worker = WorkerId(message.worker()),
          .incarnation = Incarnation(message.incarnation()),
          .shard = message.shard()};
}

absl::StatusOr<Push> DecodePush(const v1::Push& message, Payload payload) {
  const std::string what = absl::StrCat("push of chunk ", message.chunk(), " for step ", message.step());
  if (!message.has_node()) return Missing(absl::StrCat(what, ": node"));
  RETURN_IF_ERROR(CheckPayload(message.tensor(), payload, what));
  if (message.zero() && !payload.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is flagged zero and has ", payload.size(), " bytes"));
  }
  return Push{.term = message.term(),
              .step = message.step(),
              .chunk = ChunkId(message.chunk()),
              .use = message.use(),
              .node = DecodeNode(message.node()),
              .weight = message.weight(),
              .loss = message.loss(),
              .zero = message.zero(),
              .data = std::move(payload)};
}

absl::StatusOr<State> DecodeState(const v1::State& message, uint32_t leaves) {
  State state = {.term = message.term(),
                 .epoch = message.epoch(),
                 .done_through = message.done_through(),
                 .window_end = message.window_end()};
  for (const v1::State::Chunk& part : message.chunks()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(part.covered().data());
    ASSIGN_OR_RETURN(LeafSet covered, LeafSet::FromBytes(leaves, std::span(bytes, part.covered().size())));
    state.chunks.push_back({.chunk = ChunkId(part.chunk()),
                            .use = part.use(),
                            .applied = part.applied(),
                            .covered = std::move(covered)});
  }
  if (message.has_map()) {
    ASSIGN_OR_RETURN(state.map, DecodeChunkMap(message.map()));
  }
  return state;
}

absl::StatusOr<Weights> DecodeWeights(const v1::Weights& message, Payload payload) {
  const std::string what = absl::StrCat("weights of chunk ", message.chunk(), " at step ", message.step());
  RETURN_IF_ERROR(CheckPayload(message.tensor(), payload, what));
  Weights weights = {.term = message.term(),
                     .epoch = message.epoch(),
                     .step = message.step(),
                     .done_through = message.done_through(),
                     .window_end = message.window_end(),
                     .data = std::move(payload)};
  if (message.has_chunk()) weights.chunk = ChunkId(message.chunk());
  if (message.has_ledger()) weights.ledger = DecodeLedger(message.ledger());
  return weights;
}

Moved DecodeMoved(const v1::Moved& message) {
  Moved moved = {.epoch = message.epoch(), .chunk = ChunkId(message.chunk())};
  if (message.has_primary()) moved.primary = ServerId(message.primary());
  return moved;
}

absl::Status Unexpected(const v1::FrameHeader& header, absl::string_view reader) {
  return absl::InvalidArgumentError(
      absl::StrCat("frame with message number ", header.message_case(), " is not for a ", reader));
}

}  // namespace

Frame EncodeToServer(const ToServer& message) {
  return std::visit([](const auto& value) { return Encode(value); }, message);
}

Frame EncodeToWorker(const ToWorker& message) {
  return std::visit([](const auto& value) { return Encode(value); }, message);
}

absl::StatusOr<ToServer> DecodeToServer(Frame frame) {
  switch (frame.header.message_case()) {
    case v1::FrameHeader::kHello:
      return DecodeHello(frame.header.hello());
    case v1::FrameHeader::kPush:
      return DecodePush(frame.header.push(), std::move(frame.payload));
    case v1::FrameHeader::kPull:
      return Pull{.term = frame.header.pull().term(),
                  .step = frame.header.pull().step(),
                  .chunk = ChunkId(frame.header.pull().chunk())};
    default:
      return Unexpected(frame.header, "server");
  }
}

absl::StatusOr<ToWorker> DecodeToWorker(Frame frame, uint32_t leaves) {
  switch (frame.header.message_case()) {
    case v1::FrameHeader::kState:
      return DecodeState(frame.header.state(), leaves);
    case v1::FrameHeader::kWeights:
      return DecodeWeights(frame.header.weights(), std::move(frame.payload));
    case v1::FrameHeader::kMoved:
      return DecodeMoved(frame.header.moved());
    default:
      return Unexpected(frame.header, "worker");
  }
}

Frame EncodeSum(const Sum& sum) {
  Frame frame;
  v1::Sum& message = *frame.header.mutable_sum();
  message.set_term(sum.term);
  message.set_epoch(sum.epoch);
  message.set_step(sum.step);
  message.set_from(sum.from.value());
  for (const SegmentSum& part : sum.parts) EncodeSegmentSum(part, message.add_parts());
  message.set_finite(sum.finite);
  if (sum.weight.has_value()) message.set_weight(*sum.weight);
  if (sum.loss.has_value()) message.set_loss(*sum.loss);
  message.set_ask(sum.ask);
  return frame;
}

absl::StatusOr<Sum> DecodeSum(const Frame& frame) {
  if (!frame.header.has_sum()) return Unexpected(frame.header, "gate");
  const v1::Sum& message = frame.header.sum();
  Sum sum = {.term = message.term(),
             .epoch = message.epoch(),
             .step = message.step(),
             .from = ServerId(message.from()),
             .finite = message.finite(),
             .ask = message.ask()};
  for (const v1::SegmentSum& part : message.parts()) sum.parts.push_back(DecodeSegmentSum(part));
  if (message.has_weight()) sum.weight = message.weight();
  if (message.has_loss()) sum.loss = message.loss();
  return sum;
}

v1::ChunkMap EncodeChunkMap(const ChunkMap& map) {
  v1::ChunkMap message;
  message.set_epoch(map.epoch);
  for (const ChunkMap::Server& server : map.servers) {
    v1::ChunkMap::Server& part = *message.add_servers();
    part.set_id(server.id.value());
    part.set_incarnation(server.incarnation.value());
    part.set_endpoint(server.endpoint);
    part.set_shards(server.shards);
  }
  for (const ChunkMap::Owner& owner : map.owners) {
    v1::ChunkMap::Owner& part = *message.add_owners();
    part.set_primary(owner.primary);
    part.mutable_backups()->Add(owner.backups.begin(), owner.backups.end());
    part.mutable_in_sync()->Add(owner.in_sync.begin(), owner.in_sync.end());
  }
  return message;
}

absl::StatusOr<ChunkMap> DecodeChunkMap(const v1::ChunkMap& message) {
  ChunkMap map;
  map.epoch = message.epoch();
  for (const v1::ChunkMap::Server& part : message.servers()) {
    if (part.shards() == 0) return Missing("chunk map: a server's number of shards");
    map.servers.push_back({.id = ServerId(part.id()),
                           .incarnation = Incarnation(part.incarnation()),
                           .endpoint = part.endpoint(),
                           .shards = part.shards()});
  }
  const auto known = [&map](uint32_t index) { return index < map.servers.size(); };
  for (const v1::ChunkMap::Owner& part : message.owners()) {
    ChunkMap::Owner owner = {.primary = part.primary(),
                             .backups = {part.backups().begin(), part.backups().end()},
                             .in_sync = {part.in_sync().begin(), part.in_sync().end()}};
    if (!known(owner.primary) || !std::all_of(owner.backups.begin(), owner.backups.end(), known) ||
        !std::all_of(owner.in_sync.begin(), owner.in_sync.end(), known)) {
      return absl::InvalidArgumentError(
          absl::StrCat("chunk map of ", map.servers.size(), " servers gives a chunk to a server beyond them"));
    }
    map.owners.push_back(std::move(owner));
  }
  return map;
}

v1::Entry EncodeEntry(const Entry& entry) {
  v1::Entry message;
  message.set_term(entry.term);
  message.set_step(entry.step);
  message.set_chunk(entry.chunk.value());
  message.set_weight(entry.weight);
  message.set_loss(entry.loss);
  message.set_finite(entry.finite);
  message.set_skipped(entry.skipped);
  message.set_fingerprint(entry.fingerprint);
  for (const SegmentSum& part : entry.parts) EncodeSegmentSum(part, message.add_parts());
  return message;
}

Entry DecodeEntry(const v1::Entry& message) {
  Entry entry = {.term = message.term(),
                 .step = message.step(),
                 .chunk = ChunkId(message.chunk()),
                 .weight = message.weight(),
                 .loss = message.loss(),
                 .finite = message.finite(),
                 .skipped = message.skipped(),
                 .fingerprint = message.fingerprint()};
  for (const v1::SegmentSum& part : message.parts()) entry.parts.push_back(DecodeSegmentSum(part));
  return entry;
}

v1::TreeNode EncodeNode(const Node& node) {
  v1::TreeNode message;
  message.set_level(node.level);
  message.set_index(node.index);
  return message;
}

Node DecodeNode(const v1::TreeNode& message) { return {.level = message.level(), .index = message.index()}; }

}  // namespace banyan
