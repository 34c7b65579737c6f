#ifndef BANYAN_WORKER_CLIENT_STEP_MACHINE_H_
#define BANYAN_WORKER_CLIENT_STEP_MACHINE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/protocol/messages.h"
#include "common/protocol/session.h"
#include "common/tree/tree.h"
#include "worker/client/chunk_table.h"
#include "worker/client/leaf_targets.h"
#include "worker/client/peers.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

struct StepMachineOptions {
  WorkerId worker;
  Incarnation incarnation;
  uint32_t leaves = 1;               // L
  uint32_t chunks = 0;               // with elements: ids 0 .. chunks - 1; the evaluation chunk is `chunks`
  std::vector<Position> positions;   // every (chunk, use) in the order in which backward completes them
  Step steps = 0;                    // the job's last step of training
  std::function<bool(Step)> evaluate;  // whether the evaluation chunk is due in this step; steps + 1 may be
  uint64_t seed = 0;                 // the job's
  double audit = 0;                  // the share of leaves that are audited (worker/client/audit.h)
};

// A worker's part in the steps of one job (docs/protocol.md): which leaves to compute, what to push to whom and when,
// which weights to ask for and when to put them in place. It holds the worker's side of rules R2 (one retry rule), R3,
// R4, R6, R7, R10 and R11; values are only passed through.
//
// The open step is one more than the least done_through of all peers: a worker begins a step when the one before is
// done everywhere, and abandons one that others have finished. A machine without threads, sockets or clock: inputs
// change its state, Advance says what to do. Thread-compatible.
class StepMachine {
 public:
  // What the worker has free just now.
  struct Resources {
    uint32_t lanes = 0;  // leaves that could begin
    uint32_t sets = 0;   // gradient sets (worker/training/gradient_reducer.h)
  };

  struct Counters {
    uint64_t leaves_computed = 0;
    uint64_t leaves_recomputed = 0;
    uint64_t evaluation_leaves_computed = 0;
    uint64_t partials_pushed = 0;
    uint64_t bytes_pushed = 0;
    uint64_t bytes_pushed_in_backward = 0;  // while a leaf of the step was being computed
    uint64_t bytes_pulled = 0;
    uint64_t steps_abandoned = 0;
    uint64_t sets_dropped = 0;
    uint64_t leaves_audited = 0;  // of others
  };

  explicit StepMachine(StepMachineOptions options);

  // `now` must not jump as the time of day does (SteadyTime).
  void OnTick(absl::Time now) { now_ = now; }
  void OnOrder(const JobOrder& order);
  // Of a stream that the machine opened; of any other stream they are ignored.
  void OnMessage(StreamId stream, ToWorker message);
  void OnWritten(StreamId stream);
  void OnStreamClosed(StreamId stream);
  void OnPartialReady(PartialReady partial);
  void OnLeafComputed(Generation generation, uint32_t leaf, Pass pass);

  // What to do now, in this order. To be called after inputs, again after doing it, until it returns nothing.
  std::vector<StepOutput> Advance(const Resources& resources);

  // ---- For reports.
  Term term() const { return term_; }
  Epoch epoch() const { return peers_.epoch(); }
  Step open_step() const { return open_step_; }  // 0: none yet
  uint64_t assignment_version() const { return assignments_.empty() ? 0 : assignments_.back().version; }
  bool ready() const;  // holds the weights that the open step needs
  bool over() const { return over_; }
  std::vector<uint64_t> broken_peers() const;  // servers whose streams ended and are not back
  std::vector<Wait> Waits() const;
  const Counters& counters() const { return counters_; }

 private:
  void OnState(StreamId stream, State state);
  void OnWeights(Peers::Peer& peer, banyan::Weights weights);
  void OnMoved(Peers::Peer& peer, const Moved& moved);
  void AdoptMap(const ChunkMap& map);
  void TakeMark(Peers::Peer& peer, Epoch epoch, Step done, uint32_t window_end);
  void LearnDone(const Peers::Peer& peer);
  void Resync(Peers::Peer& peer);
  void NoteRefused(Peers::Peer& peer, const State::Chunk& chunk);
  void SendRefusedAgain(Peers::Peer& peer);

  void OpenStreams();
  void BeginOpenStep();
  void Retarget();
  void MoveWeights();
  void PullWeights();
  void ChooseAudits();
  void StartAudits(Resources& resources);
  void StartLeaves(Resources resources);
  void StartLeaf(LeafTargets::Target& target, uint32_t index, Resources& resources);
  void MakeRoom();
  void SendPushes();
  void SendFrom(Peers::Peer& peer);
  void SendPush(Peers::Peer& peer, LeafTargets::Target& target, uint32_t slot);

  bool MayPush() const;
  bool Due(Pass pass) const;
  bool Wanted(const LeafTargets::Target& target, uint32_t slot) const;
  bool Needed(const LeafTargets::Target& target) const;
  bool InWindow(const LeafTargets::Target& target, uint32_t slot);
  bool Urgent(const LeafTargets::Target& target);
  bool Outstanding() const;
  Step WantedWeights(ChunkId chunk) const;
  // Chunks that were asked of it and have not come.
  size_t PulledFrom(const Peers::Peer& peer) const;
  Position PositionOf(Pass pass, uint32_t slot) const;
  const Assignment* InForce() const;  // in the open step; null: none
  const std::vector<Node>& AssignedNodes() const;

  const StepMachineOptions options_;
  const Tree tree_;
  absl::Time now_ = absl::InfinitePast();

  uint64_t coordinator_term_ = 0;
  Term term_ = 0;
  bool over_ = false;
  bool left_ = false;
  Step last_step_ = 0;
  std::vector<Assignment> assignments_;  // by version; the last with from_step <= t is in force in step t

  Peers peers_;
  ChunkTable chunks_;
  LeafTargets targets_;
  Step open_step_ = 0;
  Generation generation_ = 0;
  bool retarget_ = false;
  bool outstanding_ = false;
  uint32_t running_ = 0;        // leaves given out and not back, of any step
  uint32_t running_train_ = 0;  // of the open step
  absl::Time room_at_ = absl::InfinitePast();  // no set is dropped before
  std::vector<bool> computed_;  // leaves of the open step computed before
  bool audits_chosen_ = false;  // for the open step
  std::vector<uint32_t> audits_;  // leaves that are to be audited
  absl::Time audits_since_ = absl::InfinitePast();
  uint32_t running_audits_ = 0;

  Counters counters_;
  std::vector<StepOutput> outputs_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_STEP_MACHINE_H_
