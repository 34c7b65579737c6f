#ifndef BANYAN_COMMON_RPC_FRAME_STREAM_H_
#define BANYAN_COMMON_RPC_FRAME_STREAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/frame.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/client_callback.h"
#include "grpcpp/support/server_callback.h"

namespace banyan {

// One end of a bidirectional stream of frames. Thread-safe.
//
// Order: frames of the same priority are sent first come, first served; a lower number overtakes. One frame is in
// gRPC's hands at a time, so that a late urgent frame overtakes all that still wait.
// Reading: at most `kMaxUnconsumed` frames are handed over and not consumed; then the stream stops reading and the
// sender feels it.
class FrameStream {
 public:
  static constexpr int kMaxUnconsumed = 4;

  // Called on gRPC's threads, one call at a time for a stream; they must be quick. After on_closed nothing is called
  // any more. `stream` is the one the handlers were given for.
  struct Handlers {
    // A frame that cannot be decoded closes the stream instead.
    std::function<void(Frame frame)> on_frame;
    std::function<void(const absl::Status& status)> on_closed;
    // A frame given to Send is out of our hands, its payload's owners let go: in the order in which they were sent.
    // `waiting` others still wait. May run beside the other two. May be empty.
    std::function<void(size_t waiting)> on_written;
  };

  virtual ~FrameStream() = default;

  // Queues a frame. Dropped when the stream is closed.
  virtual void Send(Frame frame, uint32_t priority = 0) = 0;

  // Tells that a frame given to on_frame is done with.
  virtual void Consumed() = 0;

  // Ends the stream; on_closed follows. For the accepting end `status` is what the other end sees. Idempotent.
  virtual void Close(const absl::Status& status) = 0;

  // Frames queued and not yet taken by gRPC.
  virtual size_t queued() const = 0;
};

// Opens `method` ("/banyan.v1.ParameterServer/Exchange") on `channel`; connector.h is the way to do it. The context
// carries metadata and must not be used again. The stream lives until it is closed, whether or not the caller keeps the
// pointer. `let_go` is called last of all, on gRPC's thread, with what must not be freed there: connector.h says why.
std::shared_ptr<FrameStream> OpenFrameStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                                             std::unique_ptr<grpc::ClientContext> context,
                                             FrameStream::Handlers handlers,
                                             std::function<void(std::shared_ptr<void> connection)> let_go);

// The accepting end: `reactor` goes back to gRPC from the service's method, `stream` to whoever serves it. Handlers may
// be called as soon as the reactor is returned.
struct AcceptedFrameStream {
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* reactor = nullptr;
  std::shared_ptr<FrameStream> stream;
};
AcceptedFrameStream AcceptFrameStream(FrameStream::Handlers handlers);

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_FRAME_STREAM_H_
