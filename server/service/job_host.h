#ifndef BANYAN_SERVER_SERVICE_JOB_HOST_H_
#define BANYAN_SERVER_SERVICE_JOB_HOST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "common/cpu/cpu_level.h"
#include "common/protocol/session.h"
#include "common/rpc/connector.h"
#include "common/rpc/frame_stream.h"
#include "server/service/executor.h"
#include "server/service/gate_host.h"
#include "server/service/job_facts.h"
#include "server/service/part_merger.h"
#include "server/service/shard_host.h"

namespace banyan::server {

// One job on this server: a shard on each executor, the gate between them, and the streams of its workers and of other
// servers. Shared with the streams' handlers. Thread-safe.
class JobHost : public std::enable_shared_from_this<JobHost> {
 public:
  struct Options {
    std::shared_ptr<const JobFacts> facts;
    ServerId server;
    Incarnation incarnation;
    std::vector<Executor*> executors;  // one a shard; outlive the host
    Executor* disk = nullptr;          // outlives the host
    Connector* connector = nullptr;    // outlives the host
    FileSystem* files = nullptr;       // outlives the host
    CpuLevel level = CpuLevel::kSse2;
    uint64_t pool_bytes = 0;           // of each shard
    std::function<void()> report_soon;
  };

  static std::shared_ptr<JobHost> Create(Options options);

  const std::string& id() const { return options_.facts->id; }
  uint32_t chunk_count() const { return options_.facts->plan.layout.chunk_count(); }

  // What the chunks take that `map` gives this server, pools beside.
  uint64_t BytesNeeded(const ChunkMap& map) const;

  void OnOrder(const JobOrder& order);
  void OnSession();
  void OnTick(absl::Time now);
  JobReport TakeReport(bool with_entries = true);

  // Ends all streams; the memory goes with the last task under way.
  void Stop();

  // Streams for gRPC to serve.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AcceptExchange();
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AcceptGate();
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AcceptReplicate();

  uint64_t memory_bytes() const;
  size_t open_streams() const;

 private:
  explicit JobHost(Options options) : options_(std::move(options)) {}
  void MakeShards();
  Shard::Options ShardOptions(uint32_t shard) const;
  // Whether the term of this order begins with init_from, and this server loads some of it.
  bool LoadsInitialWeights(const JobOrder& order) const;
  void HashInitialWeights(Term term);

  const Options options_;
  std::vector<std::shared_ptr<ShardHost>> shards_;
  std::shared_ptr<GateHost> gate_;  // null: the job is not gated
  std::atomic<uint64_t> next_stream_ = 1;
  Mutex mutex_;
  PartMerger parts_ ABSL_GUARDED_BY(mutex_);
  JobOrder order_ ABSL_GUARDED_BY(mutex_);  // the last one
  // The hash of what init_from holds in this term; nothing: not known yet.
  Term hashed_term_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::StatusOr<std::string>> initial_weights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_JOB_HOST_H_
