#ifndef BANYAN_SERVER_SHARD_SHARD_H_
#define BANYAN_SERVER_SHARD_SHARD_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cpu/cpu_level.h"
#include "common/job/job_plan.h"
#include "common/optimizer/update_rule.h"
#include "common/protocol/messages.h"
#include "common/protocol/session.h"
#include "server/checkpoint/part_tracker.h"
#include "server/ledger/entry_log.h"
#include "server/shard/chunk_copy.h"
#include "server/shard/chunk_memory.h"
#include "server/shard/followers.h"
#include "server/shard/late_leaves.h"
#include "server/shard/shard_output.h"
#include "server/shard/window.h"

namespace banyan::server {

// The chunks of one job that one executor of one server owns: what docs/protocol.md calls a server, with streams,
// positions, window and done_through of its own. Only the gate (server/ledger/gate.h) spans shards.
//
// A state machine without threads, sockets, clock and disk: inputs change it and are answered through ShardOutput; sums
// and updates are made inside the inputs. It holds the server's side of rules R1, R2, R4-R6, R8-R11 and R13;
// docs/adr/0007 has primaries and backups. Inputs that break the protocol close their stream with the reason and change
// nothing. Thread-compatible.
class Shard {
 public:
  struct Options {
    ServerId server;
    Incarnation incarnation;
    uint32_t shard = 0;
    const JobPlan* plan = nullptr;                // outlives the shard
    const UpdateRule* rule = nullptr;             // outlives the shard
    std::function<double(Step)> learning_rate;    // of the schedule
    double clip_norm = 0;                         // > 0: gated
    CpuLevel level = CpuLevel::kSse2;
    uint64_t pool_bytes = 64 << 20;               // for pending partials beside the accumulators
    size_t entry_bytes = 64 << 20;                // for entries whose lines the coordinator has not written
  };

  // `output` outlives the shard.
  Shard(Options options, ShardOutput& output);

  // ---- From the coordinator.
  // A newer term with its restore point and map empties the shard and asks for the restore; until it is there, the
  // shard greets nobody.
  void OnOrder(const JobOrder& order);
  void OnRestored(Term term, const absl::Status& status);
  // Entries and parts are told again.
  void OnSession();
  // What there is to say now; entries (so many bytes of them) and parts once a session.
  JobReport Report(size_t entry_bytes = SIZE_MAX);

  // ---- From workers. Streams that it does not know are ignored (late frames of closed ones).
  void OnHello(StreamId stream, const Hello& hello);
  void OnPush(StreamId stream, const Push& push);
  void OnPull(StreamId stream, const Pull& pull);
  void OnClosed(StreamId stream);

  // ---- Between copies. To whom ShardOutput::Connect asked for, and from those that asked for this shard.
  void OnFollowerOpened(const FollowerId& id);
  void OnFollowerClosed(const FollowerId& id);
  void OnHeld(const FollowerId& id, const Held& held);
  void OnToBackup(StreamId stream, const ToBackup& message);

  // ---- From the gate, disk and clock.
  void OnLedger(Term term, const Ledger& ledger);
  void OnCheckpointWritten(Term term, Epoch epoch, Step step,
                           const absl::StatusOr<std::vector<CheckpointPart::Range>>& ranges);
  void OnTick(absl::Time now);  // as SteadyTime has it

  Term term() const { return term_; }
  Step done_through() const { return done_; }
  // Whether it is the primary of chunks that checkpoints hold.
  bool has_tensors() const { return tensors_ > 0; }
  // Nothing is committed until the coordinator has written lines.
  bool waits_for_lines() const { return entries_.full(); }
  const ChunkMemory& memory() const { return memory_; }
  const Window& window() const { return window_; }
  // The window's first position that is not complete: what comes for it has room, always. Nothing: all are complete.
  std::optional<ChunkUse> awaited() const;
  // Whether the shard of `options` writes parts of checkpoints with this map.
  static bool WritesParts(const Options& options, const ChunkMap& map);
  // Before any term: what the chunks that `map` gives this shard will take, beside the pool.
  static uint64_t BytesNeeded(const Options& options, const ChunkMap& map);

 private:
  struct Stream {
    Hello hello;
    bool greeted = false;
    Step told_done = 0;
    uint32_t told_window = 0;
  };
  enum class Part { kNone, kPrimary, kBackup };
  // A root that is whole; on a primary committed or not.
  struct Whole {
    ChunkCopy::Root root;
    Epoch epoch = 0;  // backups: in which it came, or was made
    bool committed = false;
    std::optional<absl::Time> waits_since;  // for backups, as of OnTick
  };
  using Copies = std::map<ChunkId, std::unique_ptr<ChunkCopy>>;
  struct Position {
    ChunkCopy* copy = nullptr;
    uint32_t use = 0;
  };

  bool gated() const { return options_.clip_norm > 0; }
  static Part PartIn(const Options& options, const ChunkMap& map, ChunkId chunk);

  void StartTerm(const JobOrder& order);
  void TakeMap(const ChunkMap& map);
  std::unique_ptr<ChunkCopy> MakeCopy(ChunkId id);
  void ArrangePositions();
  void StartWindow();

  // Replicas: shard_replicas.cc.
  bool IsInSync(ChunkId id) const;
  void TakePart(ChunkId id, Epoch before);
  void ConnectFollowers();
  void GreetFollowers();
  void SendRoot(const FollowerId& to, const ChunkCopy& copy);
  void SendChunkState(const FollowerId& to, const ChunkCopy& copy);
  bool Leads(StreamId stream, ChunkId chunk) const;
  void TellHeld(StreamId stream, const std::vector<ChunkId>& chunks);
  void TellAllHeld(StreamId stream);
  ChunkCopy* FindBackup(StreamId stream, Term term, Epoch epoch, ChunkId chunk);
  void OnRoot(StreamId stream, const Root& root);
  void OnChunkState(StreamId stream, const ChunkState& state);
  std::optional<Wait> WaitForHeld() const;
  std::optional<Wait> WaitForLines() const;
  void ForgetEntries(Step through);
  Step Next(const ChunkCopy& copy, Step applied) const;
  void CloseBroken(StreamId stream, const absl::Status& why);
  void OrderCheckpoint(Step step);

  void Greet(StreamId id, Stream& stream);
  void Refuse(StreamId id, const std::string& why);
  Stream* FindGreeted(StreamId id, Term term);
  ChunkCopy* FindOrTellOwner(StreamId id, ChunkId chunk);
  absl::Status CheckPush(const ChunkCopy& copy, const Push& push) const;
  bool MayTake(const ChunkCopy& copy, const Push& push) const;
  uint32_t max_pending() const { return std::max(1u, assignment_.max_pending); }
  size_t RoomFor(const ChunkCopy& copy, uint32_t use) const;
  void AppendState(const ChunkCopy& copy, State& state) const;
  void SendState(StreamId id, const ChunkCopy& copy);
  void SendWeights(StreamId id, Stream& stream, const ChunkCopy& copy, Step step, ChunkCopy::Version version);

  void OnUseComplete(ChunkCopy& copy, uint32_t use);
  void OnWhole(ChunkCopy& copy);
  void TryCommit(ChunkCopy& copy);
  bool Update(ChunkCopy& copy, Ledger ledger);
  void Apply(ChunkCopy& copy, const Ledger& ledger);
  void Log(const ChunkCopy& copy, const ChunkCopy::Root& root, const UpdateResult& result, bool skipped);
  void Advance();
  void TellMarks();
  void TakeForCheckpoint(const ChunkCopy& copy, Step step);
  bool CheckpointDue(Step step) const;
  Step StepsDone(const ChunkCopy& copy) const;
  Step EvaluationStandsAt(Step after) const;
  void Fail(std::string why);

  const Options options_;
  ShardOutput& output_;
  ChunkMemory memory_;
  std::map<StreamId, Stream> streams_;
  uint64_t coordinator_term_ = 0;
  Term term_ = 0;
  bool ready_ = false;
  std::string failure_;
  bool restore_failed_ = false;  // that is the failure
  ChunkMap map_;
  RestorePoint restore_;
  Assignment assignment_;  // the last that was told
  Step checkpoint_step_ = 0;
  std::string checkpoint_directory_;

  Copies copies_;    // of which the map makes this shard the primary
  Copies backups_;
  size_t tensors_ = 0;                               // of copies_, those with elements
  std::vector<Position> positions_;                  // in window order
  std::map<ChunkId, std::vector<size_t>> position_;  // by chunk, then use
  std::map<ChunkId, Whole> roots_;                   // of copies_ and backups_
  std::map<Step, Ledger> ledgers_;                   // the gate's last two
  std::set<ChunkId> restoring_;
  Followers followers_;
  std::set<FollowerId> open_followers_;
  std::map<StreamId, Greeting> leaders_;
  absl::Time now_ = absl::InfinitePast();            // of the last OnTick
  Window window_;
  Step done_ = 0;
  EntryLog entries_;
  std::optional<absl::Time> full_since_;             // entries_, as of OnTick
  bool states_wait_ = false;                         // for lines: a state would bring too many entries
  PartTracker parts_;
  LateLeaves late_;
  std::map<std::string, uint64_t> counters_;
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SHARD_SHARD_H_
