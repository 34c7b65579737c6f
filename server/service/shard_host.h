#ifndef BANYAN_SERVER_SERVICE_SHARD_HOST_H_
#define BANYAN_SERVER_SERVICE_SHARD_HOST_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "common/rpc/connector.h"
#include "common/rpc/frame_stream.h"
#include "server/checkpoint/part_writer.h"
#include "server/checkpoint/state_source.h"
#include "server/service/executor.h"
#include "server/service/job_facts.h"
#include "server/shard/shard.h"

namespace banyan::server {

// One shard on its executor, with the streams of its workers, and with the disk's thread for restores and checkpoints.
// Shared by its job and by the tasks under way, so a job may be dropped at any time. Thread-safe, but for the
// ShardOutput part, which the shard calls.
class ShardHost final : public ShardOutput, public std::enable_shared_from_this<ShardHost> {
 public:
  using CommittedHandler = std::function<void(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts,
                                              double weight, double loss)>;
  struct Options {
    std::shared_ptr<const JobFacts> facts;
    Shard::Options shard;  // its plan and rule are those of `facts`
    Executor* executor = nullptr;
    Connector* connector = nullptr;
    Executor* disk = nullptr;
    FileSystem* files = nullptr;
    size_t report_bytes = 1 << 20;        // of entries in a report
    CommittedHandler on_committed;        // called on the executor
    std::function<void()> on_step_done;   // called on the executor
  };

  explicit ShardHost(Options options);

  // Runs `input` on the executor.
  void Post(absl::AnyInvocable<void(Shard& shard)> input);

  // A stream that said Hello, or a primary's that greeted; later frames are given to Post by its handlers.
  void AddStream(StreamId id, std::shared_ptr<FrameStream> stream, std::variant<Hello, Greeting> first);
  void RemoveStream(StreamId id);
  // Ends all streams, now and later.
  void Stop();

  // Time; connects to backups that it is not connected to.
  void OnTick(absl::Time now);
  // What there is to say since the last call; entries wait for the next time if they are not wanted.
  JobReport TakeReport(bool with_entries);

  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }
  size_t open_streams() const { return open_streams_.load(std::memory_order_relaxed); }

  void Send(StreamId stream, ToWorker message) override;
  void Close(StreamId stream, const absl::Status& why) override;
  void Restore(RestoreWork work) override;
  void Committed(Term term, Step step, ChunkId chunk, std::vector<SegmentSum> parts, double weight,
                 double loss) override;
  void WriteCheckpoint(CheckpointWork work) override;
  void Connect(const std::vector<Followers::Link>& links) override;
  void SendToFollower(const FollowerId& to, ToBackup message) override;
  void SendHeld(StreamId stream, Held held) override;

 private:
  struct Link {
    std::string endpoint;
    std::shared_ptr<FrameStream> stream;  // null: closed
    bool broken = false;  // its last stream ended, and it has not been heard since
  };

  void OpenLinks();
  void OpenLink(const FollowerId& id, Link& link);
  void AfterInput();
  // Puts what the shard has to say where TakeReport finds it.
  void Publish();

  const Options options_;
  const StateSource source_;
  PartWriter writer_;  // on the disk's thread

  // On the executor.
  Shard shard_;
  std::map<StreamId, std::shared_ptr<FrameStream>> streams_;
  std::map<FollowerId, Link> links_;
  bool stopped_ = false;
  Step told_done_ = 0;
  bool told_wait_ = false;  // for lines

  std::atomic<uint64_t> memory_bytes_ = 0;
  std::atomic<size_t> open_streams_ = 0;
  Mutex mutex_;
  JobReport report_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_SHARD_HOST_H_
