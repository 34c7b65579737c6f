#include "server/ledger/gate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/reduce/norm.h"

namespace banyan::server {

Gate::Gate(Options options, GateOutput& output) : options_(std::move(options)), output_(output) {
  for (const GateTensor& tensor : options_.tensors) {
    first_slot_.push_back(chunk_of_slot_.size());
    for (const GateTensor::Segment& segment : tensor.segments) {
      std::vector<size_t>& slots = slots_[segment.chunk];
      if (slots.size() <= segment.index) slots.resize(segment.index + 1);
      slots[segment.index] = chunk_of_slot_.size();
      chunk_of_slot_.push_back(segment.chunk);
    }
  }
}

void Gate::OnOrder(Term term, const ChunkMap& map) {
  if (term != term_) steps_.clear();
  const bool changed = term != term_ || map.epoch != map_.epoch;
  term_ = term;
  map_ = map;
  if (!changed) return;
  // A chunk that has come here may complete what this server has; the others may know other owners.
  for (auto& [step, sums] : steps_) {
    sums.sent = false;
    Settle(step, sums);
  }
}

void Gate::OnCommitted(Step step, ChunkId chunk, const std::vector<SegmentSum>& parts, double weight, double loss) {
  StepSums* sums = At(step);
  if (sums == nullptr) return;
  sums->committed_here = true;
  for (const SegmentSum& part : parts) CHECK(Keep(*sums, part));
  if (chunk == options_.ledger_chunk) {
    sums->weight = weight;
    sums->loss = loss;
  }
  Settle(step, *sums);
}

absl::Status Gate::OnSum(const Sum& sum) {
  if (sum.term != term_) return absl::OkStatus();
  for (const SegmentSum& part : sum.parts) {
    if (!SlotOf(part.chunk, part.segment).has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("sum of step ", sum.step, " from server ", sum.from.value(),
                                                     " names segment ", part.segment, " of chunk ",
                                                     part.chunk.value(), ", which does not exist"));
    }
  }
  StepSums* sums = At(sum.step);
  if (sums == nullptr) return absl::OkStatus();
  for (const SegmentSum& part : sum.parts) Keep(*sums, part);
  if (sum.weight.has_value()) {
    sums->weight = sum.weight;
    sums->loss = sum.loss.value_or(0);
  }
  Settle(sum.step, *sums);
  if (sum.ask) output_.SendSum(sum.from, Collect(sum.step, *sums, /*own_only=*/false));
  return absl::OkStatus();
}

void Gate::OnPeerOpened(ServerId peer) {
  for (const auto& [step, sums] : steps_) output_.SendSum(peer, Collect(step, sums, /*own_only=*/false));
}

void Gate::OnTick(absl::Time now) {
  now_ = now;
  for (auto& [step, sums] : steps_) {
    if (!AwaitsOthers(sums)) continue;
    if (!sums.waits_since.has_value()) sums.waits_since = now;
    if (now - sums.asked.value_or(*sums.waits_since) < options_.ask_after) continue;
    sums.asked = now;
    Sum ask{.term = term_, .epoch = map_.epoch, .step = step, .from = options_.self, .ask = true};
    // Not only the owners: whoever has applied the step knows all of it.
    for (const ChunkMap::Server& server : map_.servers) {
      if (server.id != options_.self) output_.SendSum(server.id, ask);
    }
  }
}

std::vector<Wait> Gate::Waits() const {
  std::vector<Wait> waits;
  for (const auto& [step, sums] : steps_) {
    if (sums.decided || !sums.asked.has_value()) continue;
    Wait wait{.what = "sums", .since = absl::ToDoubleSeconds(*sums.waits_since - absl::UnixEpoch())};
    for (ServerId server : Missing(sums)) {
      if (server != options_.self) wait.parties.push_back(server.value());
    }
    wait.detail = absl::StrCat("norm of step ", step, ": sums of ", chunk_of_slot_.size() - sums.known, " of ",
                               chunk_of_slot_.size(), " segments are missing");
    waits.push_back(std::move(wait));
  }
  return waits;
}

bool Gate::AwaitsOthers(const StepSums& sums) const {
  return !sums.decided && (sums.committed_here || CompleteHere(sums));
}

std::optional<size_t> Gate::SlotOf(ChunkId chunk, uint32_t segment) const {
  const auto found = slots_.find(chunk);
  if (found == slots_.end() || segment >= found->second.size()) return std::nullopt;
  return found->second[segment];
}

Gate::StepSums* Gate::At(Step step) {
  const auto found = steps_.find(step);
  if (found != steps_.end()) return &found->second;
  if (!steps_.empty() && step + 1 < steps_.rbegin()->first) return nullptr;  // older than the last two
  StepSums& sums = steps_[step];
  sums.sums.resize(chunk_of_slot_.size());
  while (steps_.begin()->first + 1 < steps_.rbegin()->first) steps_.erase(steps_.begin());
  return &sums;
}

bool Gate::Keep(StepSums& sums, const SegmentSum& part) {
  const std::optional<size_t> slot = SlotOf(part.chunk, part.segment);
  if (!slot.has_value()) return false;
  if (!sums.sums[*slot].has_value()) ++sums.known;
  sums.sums[*slot] = part.sum_of_squares;
  return true;
}

void Gate::Settle(Step step, StepSums& sums) {
  if (!sums.sent && CompleteHere(sums)) {
    sums.sent = true;
    const Sum own = Collect(step, sums, /*own_only=*/true);
    for (const ChunkMap::Server& server : map_.servers) {
      if (server.id != options_.self) output_.SendSum(server.id, own);
    }
  }
  if (!sums.decided && sums.known == chunk_of_slot_.size() && sums.weight.has_value()) Decide(step, sums);
}

bool Gate::CompleteHere(const StepSums& sums) const {
  for (size_t slot = 0; slot < chunk_of_slot_.size(); ++slot) {
    if (!sums.sums[slot].has_value() && map_.PrimaryOf(chunk_of_slot_[slot]).id == options_.self) return false;
  }
  return true;
}

Sum Gate::Collect(Step step, const StepSums& sums, bool own_only) const {
  Sum sum{.term = term_, .epoch = map_.epoch, .step = step, .from = options_.self};
  for (const auto& [chunk, slots] : slots_) {
    if (own_only && map_.PrimaryOf(chunk).id != options_.self) continue;
    for (uint32_t segment = 0; segment < slots.size(); ++segment) {
      const std::optional<double>& value = sums.sums[slots[segment]];
      if (!value.has_value()) continue;
      sum.parts.push_back({.chunk = chunk, .segment = segment, .sum_of_squares = *value});
      sum.finite = sum.finite && std::isfinite(*value);
    }
  }
  if (sums.weight.has_value() && (!own_only || map_.PrimaryOf(options_.ledger_chunk).id == options_.self)) {
    sum.weight = sums.weight;
    sum.loss = sums.loss;
  }
  return sum;
}

std::vector<ServerId> Gate::Missing(const StepSums& sums) const {
  std::vector<ServerId> missing;
  for (size_t slot = 0; slot < chunk_of_slot_.size(); ++slot) {
    if (sums.sums[slot].has_value()) continue;
    const ServerId server = map_.PrimaryOf(chunk_of_slot_[slot]).id;
    if (std::find(missing.begin(), missing.end(), server) == missing.end()) missing.push_back(server);
  }
  return missing;
}

void Gate::Decide(Step step, StepSums& sums) {
  sums.decided = true;
  std::vector<TensorSum> tensors;
  bool finite = true;
  for (size_t tensor = 0; tensor < options_.tensors.size(); ++tensor) {
    std::vector<double> nodes;
    for (size_t i = 0; i < options_.tensors[tensor].segments.size(); ++i) {
      nodes.push_back(*sums.sums[first_slot_[tensor] + i]);
      finite = finite && std::isfinite(nodes.back());
    }
    tensors.push_back({.name = options_.tensors[tensor].name, .sum_of_squares = JoinNodes(std::move(nodes))});
  }
  Ledger ledger{.step = step, .weight = *sums.weight, .loss = sums.loss, .finite = finite};
  const double total = JoinTensors(std::move(tensors));
  // A step of weight 0 is skipped and has no mean.
  ledger.norm = ledger.weight == 0 ? 0 : ComputeStepNorm(total, ledger.weight, ledger.loss_scale, 0).norm;
  output_.Decide(term_, ledger);
}

}  // namespace banyan::server
