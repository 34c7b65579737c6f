#include "tests/simulator/outcome.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/checkpoint/checkpoint_name.h"
#include "common/checkpoint/hashes.h"
#include "common/checkpoint/reader.h"
#include "common/digest/xxh3.h"
#include "common/file/file_util.h"
#include "server/checkpoint/state_source.h"

namespace banyan::simulator {
namespace {

bool SameBits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

// A fork has its parent's lines.
bool IsCopy(const SimulatedStore& store, const std::string& id, const coordinator::LedgerLine& line) {
  const std::optional<coordinator::JobRecord::Fork>& fork = store.job(id)->fork;
  return fork.has_value() && line.step <= fork->step && store.lines(fork->parent).at(line.step) == line;
}

std::string CheckLines(const SimulatedJob& job, const std::string& id, const SimulatedStore& store,
                       const Witness& witness, bool authors) {
  std::string trouble;
  const Step steps = job.plan().last_step;
  const SimulatedStore::Lines& lines = store.lines(id);
  if (lines.size() != steps) absl::StrAppend(&trouble, lines.size(), " lines for ", steps, " steps; ");
  for (const auto& [step, line] : lines) {
    const bool same = line.loss_sum == job.toy().LossOf(step) && line.weight == job.toy().WeightOf(step) &&
                      (job.clip_norm() == 0 || authors || line.grad_norm == job.toy().NormOf(step));
    if (!same) absl::StrAppend(&trouble, "line ", step, " differs; ");
    if (IsCopy(store, id, line) || witness.IsOfOneTerm(line)) continue;
    absl::StrAppend(&trouble, "line ", step, " is not of one term; ");
  }
  for (Step step = 1; step <= job.plan().last_protocol_step(); ++step) {
    if (!job.plan().evaluation.has_value() || !job.plan().evaluation->DueIn(step)) continue;
    const auto found = store.evaluations(id).find(step - 1);
    if (found == store.evaluations(id).end()) {
      absl::StrAppend(&trouble, "weights @", step - 1, " were not evaluated; ");
    } else if (found->second.loss_sum != job.toy().LossOf(step)) {
      absl::StrAppend(&trouble, "the evaluation of weights @", step - 1, " differs; ");
    }
  }
  for (const coordinator::JobEvent& event : store.events(id)) {
    if (event.type == "LEDGER_DIFFERS" && !authors) absl::StrAppend(&trouble, event.text, "; ");
  }
  return trouble;
}

// `known`: of the weights, where their values are not the job's.
std::string CheckState(const SimulatedJob& job, const RestorePoint& point, FileSystem& disk,
                       const std::function<std::optional<uint64_t>(ChunkId chunk)>& known) {
  server::ChunkMemory memory(1);
  server::RestoreWork work{.point = point};
  for (uint32_t i = 0; i < job.plan().layout.chunk_count(); ++i) {
    const auto elements = static_cast<size_t>(job.plan().layout.chunk(ChunkId(i)).element_count);
    work.chunks.push_back({.chunk = ChunkId(i), .weights = memory.Allocate(elements)});
    for (size_t slot = 0; slot < job.slots().size(); ++slot) {
      work.chunks.back().slots.push_back(memory.Allocate(elements));
    }
  }
  const server::StateSource source({.files = &disk, .plan = &job.plan(), .slots = job.slots()});
  if (const absl::Status status = source.Restore(work); !status.ok()) return absl::StrCat(status.ToString(), "; ");
  std::string trouble;
  for (const server::RestoreWork::Chunk& chunk : work.chunks) {
    if (known) {
      const std::optional<uint64_t> served = known(chunk.chunk);
      if (served.has_value() && *served != Xxh3(std::as_bytes(std::as_const(*chunk.weights).values()))) {
        absl::StrAppend(&trouble, "chunk ", chunk.chunk.value(), " of the checkpoint of step ", point.step,
                        " is not what was served; ");
      }
      continue;
    }
    const server::ToyJob::State& expected = job.toy().At(point.step, chunk.chunk);
    bool same = SameBits(chunk.weights->values(), expected.weights);
    for (size_t slot = 0; slot < expected.slots.size(); ++slot) {
      same = same && SameBits(chunk.slots[slot]->values(), expected.slots[slot]);
    }
    if (same) continue;
    absl::StrAppend(&trouble, "chunk ", chunk.chunk.value(), " of the checkpoint of step ", point.step, " differs; ");
  }
  return trouble;
}

}  // namespace

void CheckResult(const SimulatedJob& job, const std::string& id, const SimulatedStore& store, const Witness& witness,
                 bool authors, FileSystem& disk, Outcome& outcome) {
  outcome.trouble += CheckLines(job, id, store, witness, authors);
  const coordinator::JobRecord& record = *store.job(id);
  if (record.fork.has_value()) {
    // What a replay computes again is the parent's.
    outcome.trouble += CheckState(job, record.fork->origin.value_or(RestorePoint()), disk, nullptr);
  }
  if (!record.checkpoint.has_value() || record.checkpoint->step != job.plan().last_step) {
    absl::StrAppend(&outcome.trouble, "there is no checkpoint of step ", job.plan().last_step, "; ");
    return;
  }
  std::function<std::optional<uint64_t>(ChunkId)> known;
  if (authors) {
    const Term term = CheckpointName::Parse(BaseName(record.checkpoint->directory)).value_or(CheckpointName()).term;
    known = [&, term](ChunkId chunk) { return witness.WeightsChecksum(term, record.checkpoint->step, chunk); };
  }
  outcome.trouble += CheckState(job, *record.checkpoint, disk, known);
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::Open(disk, record.checkpoint->directory);
  if (!reader.ok()) return;
  const absl::StatusOr<CheckpointHashes> hashes = ComputeHashes(*reader);
  if (!hashes.ok()) return;
  if (!outcome.state_hash.empty() && outcome.state_hash != hashes->state) {
    absl::StrAppend(&outcome.trouble, "job ", id, " ends with another state hash; ");
  }
  outcome.state_hash = hashes->state;
}

}  // namespace banyan::simulator
