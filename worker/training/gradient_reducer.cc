#include "worker/training/gradient_reducer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/check.h"
#include "common/digest/xxh3.h"
#include "common/reduce/join.h"

namespace banyan::worker {
namespace {

// What the gaps between a chunk's segments are sent from: less than a cache line each.
constexpr float kZeros[16] = {};

// Sums of a tree that wait for their siblings: half as many as there are leaves could, but leaves that are computed in
// order leave a few.
constexpr size_t kReservedSums = 64;

}  // namespace

GradientReducer::GradientReducer(Options options, GradientSetPool* pool)
    : options_(std::move(options)),
      tree_(options_.leaves),
      pool_(pool),
      trunks_(std::make_unique<Trunk[]>(options_.layout.positions.size() + 1)) {}

GradientReducer::~GradientReducer() {
  Begin(0);
  for (PartialReady& partial : TakeReady()) partial.data = Payload();
}

std::span<GradientReducer::Trunk> GradientReducer::TrunksOf(Pass pass) {
  const size_t positions = options_.layout.positions.size();
  return pass == Pass::kTrain ? std::span(trunks_.get(), positions) : std::span(trunks_.get() + positions, 1);
}

void GradientReducer::Drop(Sum& sum) {
  if (sum.set != nullptr) pool_->Release(std::exchange(sum.set, nullptr));
}

void GradientReducer::Begin(Generation generation) {
  generation_ = generation;
  for (Trunk& trunk : std::span(trunks_.get(), options_.layout.positions.size() + 1)) {
    MutexLock lock(trunk.mutex);
    trunk.generation = generation;
    trunk.targets.clear();
    for (Sum& sum : trunk.stored) Drop(sum);
    trunk.stored.clear();
  }
}

void GradientReducer::AddTarget(Pass pass, Node node) {
  size_t targets = 0;
  for (Trunk& trunk : TrunksOf(pass)) {
    MutexLock lock(trunk.mutex);
    trunk.targets.push_back(node);
    // Here, so that no compute thread does it.
    size_t waiting = 0;
    for (const Node target : trunk.targets) waiting += (tree_.Leaves(target).size() + 1) / 2;
    trunk.stored.reserve(std::min(waiting, kReservedSums));
    targets = trunk.targets.size();
  }
  const size_t most = (options_.layout.positions.size() + 1) * targets;
  MutexLock lock(ready_mutex_);
  ready_.reserve(most);
  taken_.reserve(most);
}

void GradientReducer::SplitTarget(Pass pass, Node node, const std::vector<Node>& parts) {
  const std::span<Trunk> trunks = TrunksOf(pass);
  for (uint32_t position = 0; position < trunks.size(); ++position) {
    std::vector<Ready> ready;
    {
      Trunk& trunk = trunks[position];
      MutexLock lock(trunk.mutex);
      std::erase(trunk.targets, node);
      trunk.targets.insert(trunk.targets.end(), parts.begin(), parts.end());
      std::erase_if(trunk.stored, [&](const Sum& sum) {
        if (std::find(parts.begin(), parts.end(), sum.node) == parts.end()) return false;
        ready.push_back(Ready{trunk.generation, pass, position, sum});
        return true;
      });
    }
    for (Ready& one : ready) Announce(std::move(one));
  }
}

void GradientReducer::DropTarget(Pass pass, Node node) {
  for (Trunk& trunk : TrunksOf(pass)) {
    MutexLock lock(trunk.mutex);
    std::erase_if(trunk.stored, [&](Sum& sum) {
      if (!tree_.Contains(node, sum.node)) return false;
      Drop(sum);
      return true;
    });
  }
}

bool GradientReducer::Start(uint32_t leaf, Pass pass, LeafRun& run, bool fingerprints) {
  CHECK(run.set == nullptr);
  if (pass != Pass::kEvaluate) {
    run.set = pool_->Acquire();
    if (run.set == nullptr) return false;
  }
  run.generation = generation_;
  run.leaf = leaf;
  run.pass = pass;
  run.weight = 0;
  run.loss = 0;
  run.delivered.assign(options_.layout.positions.size(), false);
  run.fingerprints.assign(fingerprints ? options_.layout.positions.size() + 1 : 0, 0);
  return true;
}

uint64_t GradientReducer::Fingerprint(uint32_t position, GradientSet& set) const {
  uint64_t fingerprint = 0;
  for (const GradientLayout::Piece& piece : options_.layout.positions[position].pieces) {
    fingerprint = Xxh3(std::as_bytes(set.floats().subspan(piece.set_offset, piece.size)), fingerprint);
  }
  return fingerprint;
}

void GradientReducer::Deliver(LeafRun& run, uint32_t position) {
  CHECK(run.pass != Pass::kEvaluate && !run.delivered[position]);
  run.delivered[position] = true;
  // Before it is joined: that is done in place.
  if (!run.fingerprints.empty()) run.fingerprints[position] = Fingerprint(position, *run.set);
  if (run.pass == Pass::kAudit) return;
  pool_->Reference(run.set);
  Climb(run.generation, run.pass, position, Sum{tree_.Leaf(run.leaf), run.set, run.weight, run.loss});
}

void GradientReducer::Finish(LeafRun& run) {
  if (run.pass == Pass::kEvaluate) {
    Climb(run.generation, run.pass, 0, Sum{tree_.Leaf(run.leaf), nullptr, run.weight, run.loss});
    return;
  }
  for (uint32_t position = 0; position < run.delivered.size(); ++position) {
    if (run.delivered[position]) continue;
    for (const GradientLayout::Piece& piece : options_.layout.positions[position].pieces) {
      std::ranges::fill(run.set->floats().subspan(piece.set_offset, piece.size), 0.0f);
    }
    Deliver(run, position);
  }
  if (!run.fingerprints.empty()) {
    const std::array<double, 2> sums = {run.weight, run.loss};
    run.fingerprints.back() = Xxh3(std::as_bytes(std::span(sums)));
  }
  pool_->Release(std::exchange(run.set, nullptr));
}

void GradientReducer::Abandon(LeafRun& run) {
  if (run.set != nullptr) pool_->Release(std::exchange(run.set, nullptr));
}

// Joins with the sibling while it is there. No lock is held during a join: a sum on its way up is in nobody's list.
void GradientReducer::Climb(Generation generation, Pass pass, uint32_t position, Sum sum) {
  Trunk& trunk = TrunksOf(pass)[position];
  while (true) {
    Sum sibling;
    {
      MutexLock lock(trunk.mutex);
      const auto target = std::find_if(trunk.targets.begin(), trunk.targets.end(),
                                       [&](Node node) { return tree_.Contains(node, sum.node); });
      if (trunk.generation != generation || target == trunk.targets.end()) {
        Drop(sum);
        return;
      }
      if (sum.node == *target) break;
      const Node wanted = tree_.Sibling(sum.node);
      const auto found = std::find_if(trunk.stored.begin(), trunk.stored.end(),
                                      [&](const Sum& stored) { return stored.node == wanted; });
      if (found == trunk.stored.end()) {
        trunk.stored.push_back(sum);
        return;
      }
      sibling = *found;
      *found = trunk.stored.back();
      trunk.stored.pop_back();
    }
    if (sibling.node < sum.node) std::swap(sum, sibling);
    Join(position, sum, sibling);
  }
  Announce(Ready{generation, pass, position, sum});
}

void GradientReducer::Join(uint32_t position, Sum& left, Sum& right) {
  if (left.set != nullptr) {
    for (const GradientLayout::Piece& piece : options_.layout.positions[position].pieces) {
      banyan::Join(options_.cpu_level, left.set->floats().subspan(piece.set_offset, piece.size),
                   std::span<const float>(right.set->floats().subspan(piece.set_offset, piece.size)));
    }
  }
  left.node = tree_.Parent(left.node);
  left.weight += right.weight;
  left.loss += right.loss;
  Drop(right);
}

void GradientReducer::Announce(Ready ready) {
  {
    MutexLock lock(ready_mutex_);
    ready_.push_back(std::move(ready));
  }
  if (options_.on_ready) options_.on_ready();
}

Payload GradientReducer::View(uint32_t position, GradientSet* set) const {
  Payload payload;
  if (set == nullptr) return payload;
  const std::shared_ptr<const void> owner = pool_->Own(set);
  const GradientLayout::Position& layout = options_.layout.positions[position];
  const auto fill_to = [&](size_t offset) {
    while (payload.size() < offset * sizeof(float)) {
      const size_t gap = std::min(std::size(kZeros), offset - payload.size() / sizeof(float));
      payload.Append(std::as_bytes(std::span(kZeros, gap)), nullptr);
    }
  };
  for (const GradientLayout::Piece& piece : layout.pieces) {
    fill_to(piece.chunk_offset);
    payload.Append(std::as_bytes(set->floats().subspan(piece.set_offset, piece.size)), owner);
  }
  fill_to(layout.size);
  return payload;
}

std::vector<PartialReady> GradientReducer::TakeReady() {
  {
    MutexLock lock(ready_mutex_);
    std::swap(ready_, taken_);
  }
  std::vector<PartialReady> partials;
  partials.reserve(taken_.size());
  for (const Ready& ready : taken_) {
    partials.push_back(PartialReady{.generation = ready.generation,
                                    .pass = ready.pass,
                                    .position = ready.position,
                                    .node = ready.sum.node,
                                    .weight = ready.sum.weight,
                                    .loss = ready.sum.loss,
                                    .zero = false,
                                    .data = View(ready.position, ready.sum.set)});
  }
  taken_.clear();
  return partials;
}

}  // namespace banyan::worker
