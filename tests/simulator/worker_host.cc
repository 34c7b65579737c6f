#include "tests/simulator/worker_host.h"

#include <utility>

#include "common/base/check.h"
#include "worker/client/audit.h"

namespace banyan::simulator {

WorkerHost::WorkerHost(Options options, WorkerNetwork* network)
    : options_(std::move(options)),
      network_(network),
      pool_(options_.job->layout().gradients.set_size, options_.sets),
      reducer_({.leaves = options_.machine.leaves, .layout = options_.job->layout().gradients}, &pool_),
      machine_(options_.machine),
      held_(options_.machine.chunks, ~Step{0}) {
  const ChunkLayout& layout = options_.job->plan().layout;
  for (uint32_t i = 0; i < layout.chunk_count(); ++i) weights_.emplace_back(layout.chunk(ChunkId(i)).element_count);
}

WorkerHost::~WorkerHost() {
  for (const auto& run : runs_) reducer_.Abandon(*run);
}

void WorkerHost::OnOrder(const JobOrder& order) {
  machine_.OnOrder(order);
  Pump();
}

void WorkerHost::OnMessage(worker::StreamId stream, ToWorker message) {
  machine_.OnMessage(stream, std::move(message));
  Pump();
}

void WorkerHost::OnWritten(worker::StreamId stream) {
  machine_.OnWritten(stream);
  Pump();
}

void WorkerHost::OnStreamClosed(worker::StreamId stream) {
  machine_.OnStreamClosed(stream);
  Pump();
}

void WorkerHost::Tick() { Pump(); }

void WorkerHost::Pump() {
  while (true) {
    for (worker::PartialReady& partial : reducer_.TakeReady()) machine_.OnPartialReady(std::move(partial));
    machine_.OnTick(options_.life->Steady());
    std::vector<worker::StepOutput> outputs = machine_.Advance(
        {.lanes = options_.lanes - running_, .sets = static_cast<uint32_t>(pool_.free())});
    if (outputs.empty()) return;
    for (worker::StepOutput& output : outputs) Do(std::move(output));
  }
}

void WorkerHost::Do(worker::StepOutput output) {
  if (auto* open = std::get_if<worker::OpenStream>(&output)) {
    network_->Open(*open);
  } else if (auto* close = std::get_if<worker::CloseStream>(&output)) {
    network_->Close(close->stream);
  } else if (auto* send = std::get_if<worker::Send>(&output)) {
    network_->Send(send->stream, std::move(send->message));
  } else if (auto* begin = std::get_if<worker::BeginStep>(&output)) {
    reducer_.Begin(begin->generation);
  } else if (auto* add = std::get_if<worker::AddTarget>(&output)) {
    reducer_.AddTarget(add->pass, add->node);
  } else if (auto* split = std::get_if<worker::SplitTarget>(&output)) {
    reducer_.SplitTarget(split->pass, split->node, split->parts);
  } else if (auto* drop = std::get_if<worker::DropTarget>(&output)) {
    reducer_.DropTarget(drop->pass, drop->node);
  } else if (auto* leaf = std::get_if<worker::ComputeLeaf>(&output)) {
    Start(*leaf);
  } else if (auto* install = std::get_if<worker::Install>(&output)) {
    CHECK_EQ(running_, 0u);
    std::vector<float>& chunk = weights_[install->chunk.value()];
    install->data.CopyTo(std::as_writable_bytes(std::span(chunk)));
    held_[install->chunk.value()] = install->step;
  } else {
    left_ = true;
  }
}

void WorkerHost::CheckWeights(Step step) const {
  for (uint32_t i = 0; i < held_.size(); ++i) {
    CHECK_EQ(held_[i], step);
    // Others' are looked at where they are served (Witness).
    if (!options_.author) CHECK(weights_[i] == options_.job->toy().At(step, ChunkId(i)).weights);
  }
}

void WorkerHost::Start(const worker::ComputeLeaf& leaf) {
  CheckWeights(leaf.step - 1);
  auto run = std::make_shared<worker::LeafRun>();
  const bool audited = leaf.pass != worker::Pass::kEvaluate &&
                       worker::IsAudited(options_.machine.seed, options_.machine.audit, leaf.step, leaf.leaf);
  CHECK(reducer_.Start(leaf.leaf, leaf.pass, *run, audited));
  CHECK_EQ(run->generation, leaf.generation);
  ++running_;
  runs_.push_back(run);
  const Push& loss = options_.job->LeafPush(leaf.step, ChunkId(options_.machine.chunks), 0, leaf.leaf);
  run->weight = loss.weight;
  run->loss = loss.loss;
  const float author = options_.author ? options_.author(leaf.step, leaf.leaf) : 0;
  options_.life->After(options_.leaf_time / 2,
                       [this, run, step = leaf.step, author] { RunLeaf(run, step, 0, author); });
}

void WorkerHost::Deliver(worker::LeafRun& run, const Push& push, uint32_t position, float author) {
  for (const worker::GradientLayout::Piece& piece : options_.job->layout().gradients.positions[position].pieces) {
    const std::span<float> into = run.set->floats().subspan(piece.set_offset, piece.size);
    push.data.Slice(piece.chunk_offset * sizeof(float), piece.size * sizeof(float))
        .CopyTo(std::as_writable_bytes(into));
    if (author == 0) continue;
    for (float& value : into) value += value * author;
  }
  reducer_.Deliver(run, position);
}

void WorkerHost::RunLeaf(std::shared_ptr<worker::LeafRun> run, Step step, uint32_t position, float author) {
  const std::vector<worker::Position>& positions = options_.machine.positions;
  if (run->pass != worker::Pass::kEvaluate && position < positions.size()) {
    for (const Step held : held_) CHECK_EQ(held, step - 1);
    const auto [chunk, use] = positions[position];
    const Push& push = options_.job->LeafPush(step, chunk, use, run->leaf);
    // What has no gradient in this leaf is not delivered.
    if (!push.zero) Deliver(*run, push, position, author);
    options_.life->After(options_.events->Delay(options_.leaf_time / static_cast<int64_t>(positions.size())),
                         [this, run, step, position, author] { RunLeaf(run, step, position + 1, author); });
  } else {
    reducer_.Finish(*run);
    --running_;
    std::erase(runs_, run);
    for (worker::PartialReady& partial : reducer_.TakeReady()) machine_.OnPartialReady(std::move(partial));
    if (!run->fingerprints.empty()) {
      audits_.Add({.term = machine_.term(), .step = step, .leaf = run->leaf, .fingerprints = run->fingerprints});
    }
    machine_.OnLeafComputed(run->generation, run->leaf, run->pass);
  }
  Pump();
}

}  // namespace banyan::simulator
