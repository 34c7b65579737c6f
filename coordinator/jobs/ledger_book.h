#ifndef BANYAN_COORDINATOR_JOBS_LEDGER_BOOK_H_
#define BANYAN_COORDINATOR_JOBS_LEDGER_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "common/job/job_plan.h"
#include "common/protocol/messages.h"

namespace banyan::coordinator {

// One step of a job as the metrics log has it.
struct LedgerLine {
  Step step = 0;
  double loss_sum = 0;
  double weight = 0;
  double learning_rate = 0;
  std::optional<double> grad_norm;  // of the mean gradient, before clipping; absent where nothing asks for it
  bool skipped = false;
  uint64_t state_fingerprint = 0;

  friend bool operator==(const LedgerLine&, const LedgerLine&) = default;
};

// The evaluation of the weights after `step`.
struct EvaluationLine {
  Step step = 0;
  double loss_sum = 0;
  double weight = 0;

  friend bool operator==(const EvaluationLine&, const EvaluationLine&) = default;
};

// Puts a step's entries together: when those of all its chunks are there, the evaluation's too where it is due, of one
// term, in whatever order and however often they come (docs/protocol.md, R13). Steps come out in order, each once; the
// entries of steps that are out already are put together again for comparison. Thread-compatible.
class LedgerBook {
 public:
  // What a step has to tell: both, but in the step after the last, which holds only the last evaluation.
  struct Page {
    Step step = 0;
    std::optional<LedgerLine> line;
    std::optional<EvaluationLine> evaluation;  // of the weights after step - 1
  };

  // `through`: the steps that are out already. `plan` must outlive the book.
  LedgerBook(const JobPlan& plan, std::function<double(Step)> learning_rate, Step through);

  // No step past this one comes out; 0: no limit.
  void SetLimit(Step last_step) { limit_ = last_step; }

  void Add(const Entry& entry);

  // The next step, once it is complete and within the limit. The caller makes it durable before anybody hears of it.
  std::optional<Page> Take();
  // A step that was out already, complete again.
  std::optional<Page> TakeReplayed();

  // The last step that came out.
  Step through() const { return through_; }
  // The highest step of which any entry was seen.
  Step highest() const { return highest_; }
  // The chunks whose entries of `term` the next step lacks; none before an entry of the term is there, of it or a later.
  std::vector<ChunkId> Lacking(Term term) const;

 private:
  // Entries of one (term, step), by chunk; none twice.
  using Entries = std::map<ChunkId, Entry>;

  Page MakePage(Step step, const Entries& entries) const;
  std::optional<double> GradNorm(const Entries& entries, double weight) const;
  // The first term whose entries of the step are complete; null: none.
  const Entries* FindComplete(Step step, const std::map<Term, Entries>& terms) const;

  const JobPlan& plan_;
  const std::function<double(Step)> learning_rate_;
  uint32_t trained_chunks_ = 0;
  Step limit_ = 0;
  Step through_;
  Step highest_;
  std::map<Step, std::map<Term, Entries>> open_;
  std::map<Step, std::map<Term, Entries>> replayed_;
};

}  // namespace banyan::coordinator

#endif  // BANYAN_COORDINATOR_JOBS_LEDGER_BOOK_H_
