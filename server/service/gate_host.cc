#include "server/service/gate_host.h"

#include <utility>

#include "common/rpc/exchange_codec.h"

namespace banyan::server {
namespace {

constexpr char kGateMethod[] = "/banyan.v1.ParameterServer/Gate";
constexpr char kLeft[] = "the job has left this server";

}  // namespace

void GateHost::Post(absl::AnyInvocable<void(Gate& gate)> input) {
  options_.executor->Post([self = shared_from_this(), input = std::move(input)]() mutable {
    if (!self->stopped_) input(self->gate_);
  });
}

void GateHost::AddStream(std::shared_ptr<FrameStream> stream) {
  options_.executor->Post([self = shared_from_this(), stream = std::move(stream)] {
    if (self->stopped_) return stream->Close(absl::UnavailableError(kLeft));
    self->accepted_.insert(stream);
  });
}

void GateHost::RemoveStream(std::shared_ptr<FrameStream> stream) {
  options_.executor->Post([self = shared_from_this(), stream = std::move(stream)] { self->accepted_.erase(stream); });
}

void GateHost::OnOrder(Term term, ChunkMap map) {
  Post([self = shared_from_this(), term, map = std::move(map)](Gate& gate) {
    std::map<ServerId, Link> links;
    for (const ChunkMap::Server& server : map.servers) {
      if (server.id == self->options_.gate.self) continue;
      Link& link = links[server.id];
      link.endpoint = server.endpoint;
      Link& old = self->links_[server.id];
      if (old.endpoint == link.endpoint) std::swap(link, old);
    }
    for (const auto& [id, link] : self->links_) {
      if (link.stream != nullptr) link.stream->Close(absl::OkStatus());
    }
    self->links_ = std::move(links);
    gate.OnOrder(term, map);
    self->Connect();
  });
}

void GateHost::OnTick(absl::Time now) {
  Post([self = shared_from_this(), now](Gate& gate) {
    self->Connect();
    gate.OnTick(now);
    MutexLock lock(self->mutex_);
    self->waits_ = gate.Waits();
  });
}

std::vector<Wait> GateHost::waits() const {
  MutexLock lock(mutex_);
  return waits_;
}

void GateHost::Connect() {
  for (auto& [id, link] : links_) {
    if (link.stream != nullptr) continue;
    const std::weak_ptr<GateHost> weak = weak_from_this();
    link.number = ++opened_;
    link.stream = options_.connector->Open(
        link.endpoint, kGateMethod, options_.job,
        {.on_frame = [](const Frame&) {},
         .on_closed =
             [weak, id = id, number = link.number](const absl::Status&) {
               const std::shared_ptr<GateHost> self = weak.lock();
               if (self == nullptr) return;
               self->Post([self, id, number](Gate&) {
                 const auto found = self->links_.find(id);
                 if (found != self->links_.end() && found->second.number == number) found->second.stream = nullptr;
               });
             }});
    gate_.OnPeerOpened(id);
  }
}

void GateHost::Stop() {
  options_.executor->Post([self = shared_from_this()] {
    self->stopped_ = true;
    for (const auto& [id, link] : self->links_) {
      if (link.stream != nullptr) link.stream->Close(absl::OkStatus());
    }
    self->links_.clear();
    for (const auto& stream : self->accepted_) stream->Close(absl::UnavailableError(kLeft));
    self->accepted_.clear();
  });
}

void GateHost::SendSum(ServerId to, const Sum& sum) {
  const auto found = links_.find(to);
  if (found != links_.end() && found->second.stream != nullptr) found->second.stream->Send(EncodeSum(sum));
}

}  // namespace banyan::server
