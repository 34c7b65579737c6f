#include "worker/client/stream_pool.h"

#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/exchange_codec.h"

namespace banyan::worker {

StreamPool::StreamPool(Options options, Handlers handlers)
    : options_(std::move(options)), handlers_(std::make_shared<const Handlers>(std::move(handlers))) {}

StreamPool::~StreamPool() {
  for (const auto& [id, stream] : streams_) stream->Close(absl::CancelledError("the worker leaves the job"));
}

void StreamPool::Open(const OpenStream& open) {
  auto& [endpoint, channel] = channels_[open.peer];
  if (channel == nullptr || endpoint != open.endpoint) {
    endpoint = open.endpoint;
    channel = Connect(endpoint);
  }
  std::unique_ptr<grpc::ClientContext> context = MakeContext(options_.token);
  context->AddMetadata(kJobMetadata, options_.job);
  // The stream itself is not captured: it owns these.
  auto slot = std::make_shared<std::weak_ptr<FrameStream>>();
  FrameStream::Handlers handlers;
  handlers.on_frame = [handlers = handlers_, id = open.stream, leaves = options_.leaves, slot](Frame frame) {
    absl::StatusOr<ToWorker> message = DecodeToWorker(std::move(frame), leaves);
    if (message.ok()) {
      handlers->on_message(id, *std::move(message));
    } else if (const std::shared_ptr<FrameStream> stream = slot->lock()) {
      stream->Close(message.status());
    }
  };
  handlers.on_closed = [handlers = handlers_, id = open.stream](const absl::Status& why) {
    handlers->on_closed(id, why);
  };
  std::shared_ptr<FrameStream> stream =
      OpenFrameStream(channel, "/banyan.v1.ParameterServer/Exchange", std::move(context), std::move(handlers));
  *slot = stream;
  stream->Send(EncodeToServer(open.hello));
  streams_[open.stream] = std::move(stream);
}

void StreamPool::Send(const banyan::worker::Send& send) {
  const auto found = streams_.find(send.stream);
  if (found != streams_.end()) found->second->Send(EncodeToServer(send.message), send.priority);
}

void StreamPool::Close(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->Close(absl::CancelledError("the worker has another chunk map or term"));
  streams_.erase(found);
}

void StreamPool::Consumed(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) found->second->Consumed();
}

}  // namespace banyan::worker
