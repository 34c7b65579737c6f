#include "worker/client/exchange_client.h"

#include <utility>

#include "common/rpc/connector.h"
#include "common/rpc/exchange_codec.h"
#include "common/rpc/frame_stream.h"

namespace banyan::worker {
namespace {

constexpr char kMethod[] = "/banyan.v1.ParameterServer/Exchange";

}  // namespace

ExchangeClient::ExchangeClient(Options options, Connector& connector, Handlers handlers)
    : options_(std::move(options)), connector_(connector), handlers_(std::move(handlers)) {}

ExchangeClient::~ExchangeClient() {
  for (const auto& [id, stream] : streams_) stream->Close(absl::CancelledError("the worker leaves the job"));
  MutexLock lock(mutex_);
  while (open_ > 0) changed_.Wait(mutex_);
}

void ExchangeClient::Open(const OpenStream& open) {
  const StreamId id = open.stream;
  FrameStream::Handlers handlers;
  handlers.on_frame = [this, id](Frame frame) {
    handlers_.on_message(id, DecodeToWorker(std::move(frame), options_.leaves));
  };
  // The first frame is Hello, of which nobody waits to hear.
  handlers.on_written = [this, id, hello = true](size_t waiting) mutable {
    if (!std::exchange(hello, false)) handlers_.on_written(id, waiting == 0);
  };
  handlers.on_closed = [this, id](const absl::Status& status) {
    handlers_.on_closed(id, status);
    MutexLock lock(mutex_);
    --open_;
    changed_.SignalAll();
  };
  {
    MutexLock lock(mutex_);
    ++open_;
  }
  const auto stream = connector_.Open(open.endpoint, kMethod, options_.job, std::move(handlers));
  streams_[id] = stream;
  stream->Send(EncodeToServer(open.hello));
}

void ExchangeClient::Send(StreamId id, const ToServer& message, uint32_t priority) {
  const auto found = streams_.find(id);
  if (found != streams_.end()) found->second->Send(EncodeToServer(message), priority);
}

void ExchangeClient::Consumed(StreamId id) {
  const auto found = streams_.find(id);
  if (found != streams_.end()) found->second->Consumed();
}

void ExchangeClient::Close(StreamId id, const absl::Status& why) {
  const auto found = streams_.find(id);
  if (found != streams_.end()) found->second->Close(why);
}

}  // namespace banyan::worker
