#include "coordinator/jobs/ledger_book.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "common/reduce/norm.h"

namespace banyan::coordinator {
namespace {

// Servers tell their newest entries again on every session; sets of them that never become whole are not kept for ever.
constexpr size_t kMostReplayed = 256;

}  // namespace

LedgerBook::LedgerBook(const JobPlan& plan, std::function<double(Step)> learning_rate, Step through)
    : plan_(plan), learning_rate_(std::move(learning_rate)), through_(through), highest_(through) {
  for (uint32_t chunk = 0; chunk < plan.layout.chunk_count(); ++chunk) {
    if (plan.layout.chunk(ChunkId(chunk)).uses > 0) ++trained_chunks_;
  }
}

void LedgerBook::Add(const Entry& entry) {
  if (entry.step == 0 || entry.step > plan_.last_protocol_step()) return;
  if (entry.chunk.value() > plan_.layout.evaluation_chunk().value()) return;
  highest_ = std::max(highest_, entry.step);
  auto& book = entry.step <= through_ ? replayed_ : open_;
  book[entry.step][entry.term].try_emplace(entry.chunk, entry);
  if (replayed_.size() > kMostReplayed) replayed_.erase(replayed_.begin());
}

const LedgerBook::Entries* LedgerBook::FindComplete(Step step, const std::map<Term, Entries>& terms) const {
  const bool evaluated = plan_.evaluation.has_value() && plan_.evaluation->DueIn(step);
  const size_t trained = step <= plan_.last_step ? trained_chunks_ : 0;
  for (const auto& [term, entries] : terms) {
    if (entries.size() == trained + (evaluated ? 1 : 0)) return &entries;
  }
  return nullptr;
}

std::optional<LedgerBook::Page> LedgerBook::Take() {
  const Step step = through_ + 1;
  if (limit_ != 0 && step > limit_) return std::nullopt;
  const auto terms = open_.find(step);
  if (terms == open_.end()) return std::nullopt;
  const Entries* entries = FindComplete(step, terms->second);
  if (entries == nullptr) return std::nullopt;
  Page page = MakePage(step, *entries);
  open_.erase(terms);
  through_ = step;
  return page;
}

std::vector<ChunkId> LedgerBook::Lacking(Term term) const {
  const Step step = through_ + 1;
  if (limit_ != 0 && step > limit_) return {};
  if (std::ranges::none_of(open_, [&](const auto& one) { return one.second.contains(term); })) return {};
  const Entries* told = nullptr;
  if (const auto terms = open_.find(step); terms != open_.end()) {
    if (const auto found = terms->second.find(term); found != terms->second.end()) told = &found->second;
  }
  const auto lacks = [told](ChunkId chunk) { return told == nullptr || !told->contains(chunk); };
  std::vector<ChunkId> lacking;
  for (uint32_t i = 0; i < plan_.layout.chunk_count() && step <= plan_.last_step; ++i) {
    if (plan_.layout.chunk(ChunkId(i)).uses > 0 && lacks(ChunkId(i))) lacking.emplace_back(i);
  }
  const ChunkId evaluation = plan_.layout.evaluation_chunk();
  if (plan_.evaluation.has_value() && plan_.evaluation->DueIn(step) && lacks(evaluation)) {
    lacking.push_back(evaluation);
  }
  return lacking;
}

std::optional<LedgerBook::Page> LedgerBook::TakeReplayed() {
  for (auto terms = replayed_.begin(); terms != replayed_.end(); ++terms) {
    const Entries* entries = FindComplete(terms->first, terms->second);
    if (entries == nullptr) continue;
    Page page = MakePage(terms->first, *entries);
    replayed_.erase(terms);
    return page;
  }
  return std::nullopt;
}

LedgerBook::Page LedgerBook::MakePage(Step step, const Entries& entries) const {
  Page page = {.step = step};
  LedgerLine line = {.step = step};
  for (const auto& [id, entry] : entries) {
    if (id == plan_.layout.evaluation_chunk()) {
      page.evaluation = EvaluationLine{.step = step - 1, .loss_sum = entry.loss, .weight = entry.weight};
      continue;
    }
    line.state_fingerprint += entry.fingerprint;
    line.skipped |= entry.skipped;
    if (id == plan_.layout.ledger_chunk()) {
      line.loss_sum = entry.loss;
      line.weight = entry.weight;
    }
  }
  if (step > plan_.last_step) return page;
  line.learning_rate = learning_rate_(step);
  line.grad_norm = GradNorm(entries, line.weight);
  page.line = line;
  return page;
}

std::optional<double> LedgerBook::GradNorm(const Entries& entries, double weight) const {
  std::vector<std::vector<std::pair<int64_t, double>>> segments(plan_.graph.parameters.size());
  bool any = false;
  for (const auto& [id, entry] : entries) {
    if (id == plan_.layout.evaluation_chunk()) continue;
    const Chunk& chunk = plan_.layout.chunk(id);
    for (const SegmentSum& part : entry.parts) {
      if (part.segment >= chunk.segments.size()) continue;
      const Segment& segment = chunk.segments[part.segment];
      segments[segment.parameter.value()].emplace_back(segment.first_element, part.sum_of_squares);
      any = true;
    }
  }
  if (!any || !(weight > 0)) return std::nullopt;
  std::vector<TensorSum> tensors;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].empty()) continue;
    std::sort(segments[i].begin(), segments[i].end());
    std::vector<double> nodes;
    for (const auto& [first_element, sum] : segments[i]) nodes.push_back(sum);
    tensors.push_back({.name = plan_.graph.parameters[i].name, .sum_of_squares = JoinNodes(std::move(nodes))});
  }
  return ComputeStepNorm(JoinTensors(std::move(tensors)), weight, /*loss_scale=*/1, /*clip_norm=*/0).norm;
}

}  // namespace banyan::coordinator
