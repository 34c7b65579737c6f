#ifndef BANYAN_WORKER_CLIENT_EXCHANGE_CLIENT_H_
#define BANYAN_WORKER_CLIENT_EXCHANGE_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/sync.h"
#include "common/protocol/messages.h"
#include "worker/client/step_types.h"

namespace banyan {
class Connector;
class FrameStream;
}  // namespace banyan

namespace banyan::worker {

// The streams of one job to its servers: Exchange calls, one and a connection for each (server, shard). Does what the
// step machine says and tells what comes of it. Its functions are called by one thread.
class ExchangeClient {
 public:
  struct Options {
    std::string job;
    uint32_t leaves = 1;  // of a step
  };

  // Called on gRPC's threads; they must be quick. Nothing is said of a stream after on_closed.
  struct Handlers {
    // Not OK: the frame is no message of ours; the stream ought to be closed. Each is to be answered by Consumed: at
    // most four of a stream are on their way here, so that a server feels it when this worker is slow.
    std::function<void(StreamId stream, absl::StatusOr<ToWorker> message)> on_message;
    // A message given to Send is out of our hands; `last`: no other waits.
    std::function<void(StreamId stream, bool last)> on_written;
    std::function<void(StreamId stream, const absl::Status& status)> on_closed;
  };

  // `connector` outlives the client.
  ExchangeClient(Options options, Connector& connector, Handlers handlers);
  // Closes all streams and waits for their ends.
  ~ExchangeClient();

  void Open(const OpenStream& open);
  // Of a stream that is not open (any more) they do nothing. A lower priority overtakes.
  void Send(StreamId stream, const ToServer& message, uint32_t priority);
  void Consumed(StreamId stream);
  // on_closed follows.
  void Close(StreamId stream, const absl::Status& why);
  // To be told of on_closed.
  void Forget(StreamId stream) { streams_.erase(stream); }

 private:
  const Options options_;
  Connector& connector_;
  const Handlers handlers_;
  std::map<StreamId, std::shared_ptr<FrameStream>> streams_;
  Mutex mutex_;
  CondVar changed_;
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;  // streams whose on_closed has not returned
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_EXCHANGE_CLIENT_H_
