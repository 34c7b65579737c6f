#ifndef BANYAN_WORKER_CLIENT_STREAM_POOL_H_
#define BANYAN_WORKER_CLIENT_STREAM_POOL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/frame_stream.h"
#include "worker/client/step_types.h"

namespace banyan::worker {

// The worker's streams to shards of servers: the step machine's OpenStream, Send and CloseStream carried out over gRPC.
// A shard has a connection of its own. Used by one thread; what comes in is handed over on gRPC's threads.
class StreamPool {
 public:
  struct Options {
    std::string job;
    std::string token;
    uint32_t leaves = 1;
  };
  struct Handlers {
    // Consumed(stream) must follow when the message is done with.
    std::function<void(StreamId stream, ToWorker message)> on_message;
    // Nothing comes of the stream afterwards. Not called for streams that Close ended.
    std::function<void(StreamId stream, const absl::Status& why)> on_closed;
  };

  StreamPool(Options options, Handlers handlers);
  // Ends every stream; handlers may still be called until all are over, so they must not refer to what dies before.
  ~StreamPool();

  void Open(const OpenStream& open);
  void Send(const banyan::worker::Send& send);
  void Close(StreamId stream);
  void Consumed(StreamId stream);
  // The stream is over: forget it.
  void Forget(StreamId stream) { streams_.erase(stream); }

 private:
  const Options options_;
  const std::shared_ptr<const Handlers> handlers_;
  std::map<PeerId, std::pair<std::string, std::shared_ptr<grpc::Channel>>> channels_;
  std::map<StreamId, std::shared_ptr<FrameStream>> streams_;
};

}  // namespace banyan::worker

#endif  // BANYAN_WORKER_CLIENT_STREAM_POOL_H_
