#ifndef BANYAN_SERVER_SERVICE_GATE_HOST_H_
#define BANYAN_SERVER_SERVICE_GATE_HOST_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/sync.h"
#include "common/rpc/connector.h"
#include "common/rpc/frame_stream.h"
#include "server/ledger/gate.h"
#include "server/service/executor.h"

namespace banyan::server {

// A job's gate on an executor, with a stream of its own to each other server, on which it sends; what the others send
// comes on streams that they open, and that end with the gate: else they would go on to send to one that is stopped,
// when the job has come back to this server and has another. Shared by its job and by the tasks under way. Thread-safe,
// but for the GateOutput part, which the gate calls.
class GateHost final : public GateOutput, public std::enable_shared_from_this<GateHost> {
 public:
  struct Options {
    std::string job;
    Gate::Options gate;
    Executor* executor = nullptr;
    Connector* connector = nullptr;
    std::function<void(Term term, const Ledger& ledger)> on_decided;  // called on the executor
  };

  explicit GateHost(Options options) : options_(std::move(options)), gate_(options_.gate, *this) {}

  // Runs `input` on the executor.
  void Post(absl::AnyInvocable<void(Gate& gate)> input);

  // One that another server has opened.
  void AddStream(std::shared_ptr<FrameStream> stream);
  void RemoveStream(std::shared_ptr<FrameStream> stream);

  void OnOrder(Term term, ChunkMap map);
  // Connects to whom it is not connected.
  void OnTick(absl::Time now);
  // As of the last tick.
  std::vector<Wait> waits() const;
  // Ends all streams, now and later.
  void Stop();

  void SendSum(ServerId to, const Sum& sum) override;
  void Decide(Term term, const Ledger& ledger) override { options_.on_decided(term, ledger); }

 private:
  struct Link {
    std::string endpoint;
    uint64_t number = 0;                  // of the stream, among all that it opens
    std::shared_ptr<FrameStream> stream;  // null: closed
  };

  void Connect();

  const Options options_;
  // On the executor.
  Gate gate_;
  std::map<ServerId, Link> links_;
  uint64_t opened_ = 0;
  std::set<std::shared_ptr<FrameStream>> accepted_;
  bool stopped_ = false;

  mutable Mutex mutex_;
  std::vector<Wait> waits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banyan::server

#endif  // BANYAN_SERVER_SERVICE_GATE_HOST_H_
