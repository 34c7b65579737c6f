#include "common/rpc/connector.h"

#include <utility>

#include "common/rpc/channel.h"

namespace banyan {

Connector::Connector(std::string token) : token_(std::move(token)), thread_([this] { LetGo(); }) {}

Connector::~Connector() {
  std::vector<std::shared_ptr<FrameStream>> streams;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, stream] : open_) streams.push_back(stream.lock());
  }
  for (const auto& stream : streams) {
    if (stream != nullptr) stream->Close(absl::CancelledError("this process leaves"));
  }
  streams.clear();
  MutexLock lock(mutex_);
  leaving_ = true;
  changed_.SignalAll();
}

std::shared_ptr<FrameStream> Connector::Open(const std::string& endpoint, const std::string& method,
                                             const std::string& job, FrameStream::Handlers handlers) {
  std::unique_ptr<grpc::ClientContext> context = MakeContext(token_);
  context->AddMetadata(kJobMetadata, job);
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    id = next_++;
    open_[id];  // from here on it is waited for
  }
  std::shared_ptr<FrameStream> stream =
      OpenFrameStream(Connect(endpoint), method, std::move(context), std::move(handlers),
                      [this, id](std::shared_ptr<void> connection) {
                        MutexLock lock(mutex_);
                        over_.push_back({.id = id, .connection = std::move(connection)});
                        changed_.SignalAll();
                      });
  MutexLock lock(mutex_);
  const auto found = open_.find(id);
  if (found != open_.end()) found->second = stream;
  return stream;
}

void Connector::LetGo() {
  while (true) {
    std::vector<Over> over;
    {
      MutexLock lock(mutex_);
      while (over_.empty() && !(leaving_ && open_.empty())) changed_.Wait(mutex_);
      if (over_.empty()) return;
      over.swap(over_);
      for (const Over& stream : over) open_.erase(stream.id);
    }
  }
}

}  // namespace banyan
