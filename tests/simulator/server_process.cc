#include "tests/simulator/server_process.h"

#include <utility>
#include <variant>

namespace banyan::simulator {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);

}  // namespace

ServerProcess::ServerProcess(Options options, Session::Options session) : options_(std::move(options)) {
  session_ = std::make_unique<Session>(
      std::move(session),
      Session::Handlers{.make_report = [this](bool first) { return MakeReport(first); },
                        .on_command = [this](const coordinator::Decider::Command& command) { OnCommand(command); }});
  Tick();
}

void ServerProcess::Tick() {
  if (host_ != nullptr) host_->Tick();
  life()->After(kTick, [this] { Tick(); });
}

void ServerProcess::MakeHost() {
  ServerHost::Network network;
  network.to_worker = [this](uint64_t connection, ToWorker message) {
    if (const auto* weights = std::get_if<Weights>(&message)) options_.on_weights(*weights);
    const auto found = streams_.find(Wire(connection));
    if (found != streams_.end()) found->second.reply(std::move(message));
  };
  network.close = [this](uint64_t connection) {
    if (streams_.erase(Wire(connection)) > 0) options_.network->Close(Wire(connection), 1);
  };
  network.to_server = [this](ServerId to, const Sum& sum) { SendSum(to, sum); };
  network.report_soon = [this] { session_->ReportSoon(); };
  ServerHost::Options host = options_.host;
  host.id = id_;
  host.incarnation = options_.incarnation;
  host_ = std::make_unique<ServerHost>(std::move(host), std::move(network));
}

void ServerProcess::SendSum(ServerId to, const Sum& sum) {
  for (const ChunkMap::Server& server : map_.servers) {
    if (server.id != to) continue;
    ServerProcess* const peer = options_.find(server.endpoint);
    if (peer == nullptr) return;
    options_.network->Datagram(options_.place, peer->place(), peer->life(), [peer, sum] {
      if (peer->host_ != nullptr) peer->host_->OnSum(sum);
    });
  }
}

// As server/service/server_agent does.
void ServerProcess::OnCommand(const coordinator::Decider::Command& command) {
  if (command.coordinator_term < coordinator_term_) return;
  coordinator_term_ = command.coordinator_term;
  if (command.id != 0) id_ = ServerId(command.id);
  if (!command.jobs.contains(job_) && host_ != nullptr) {
    for (const auto& [wire, stream] : streams_) options_.network->Close(wire, 1);
    streams_.clear();
    host_.reset();
  }
  for (const auto& [id, order] : command.jobs) {
    job_ = id;
    if (host_ == nullptr) MakeHost();
    if (order.map.has_value()) map_ = *order.map;
    host_->OnOrder(order);
  }
}

coordinator::Cluster::Heard ServerProcess::MakeReport(bool first) {
  coordinator::Cluster::Heard heard;
  heard.introduction = {.role = coordinator::Role::kServer,
                        .name = options_.name,
                        .incarnation = options_.incarnation,
                        .endpoint = options_.name,
                        .threads = options_.host.shards};
  if (host_ == nullptr) return heard;
  if (first) host_->OnSession();
  heard.jobs.emplace_back(job_, host_->TakeReport());
  return heard;
}

void ServerProcess::OnMessage(Wire wire, const ToServer& message, std::function<void(ToWorker)> reply) {
  if (const auto* hello = std::get_if<Hello>(&message)) {
    // The job is not here, or its map was another.
    if (host_ == nullptr || hello->shard >= host_->shards()) return options_.network->Close(wire, 1);
    streams_[wire] = {.shard = hello->shard, .reply = std::move(reply)};
  }
  const auto found = streams_.find(wire);
  if (found != streams_.end()) host_->OnMessage(found->second.shard, wire.value(), message);
}

void ServerProcess::OnClosed(Wire wire) {
  const auto found = streams_.find(wire);
  if (found == streams_.end()) return;
  const uint32_t shard = found->second.shard;
  streams_.erase(found);
  host_->OnClosed(shard, wire.value());
}

}  // namespace banyan::simulator
