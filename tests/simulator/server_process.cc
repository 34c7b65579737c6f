#include "tests/simulator/server_process.h"

#include <memory>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace banyan::simulator {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);
// As long as server/main drains.
constexpr absl::Duration kDrain = absl::Seconds(5);

}  // namespace

ServerProcess::ServerProcess(Options options, Session::Options session) : options_(std::move(options)) {
  session_ = std::make_unique<Session>(
      std::move(session),
      Session::Handlers{.make_report = [this](bool first) { return MakeReport(first); },
                        .on_command = [this](const Command& command) { OnCommand(command); }});
  Tick();
}

void ServerProcess::Tick() {
  if (host_ != nullptr) host_->Tick();
  OpenLinks();
  life()->After(kTick, [this] { Tick(); });
}

void ServerProcess::Drain() {
  if (std::exchange(draining_, true)) return;
  session_->ReportSoon();
  life()->After(kDrain, [this] { Exit(); });
}

void ServerProcess::Exit() {
  if (!std::exchange(exited_, true)) options_.on_exit();
}

void ServerProcess::MakeHost() {
  ServerHost::Network network;
  network.to_worker = [this](uint64_t connection, ToWorker message) {
    options_.on_told(job_, message);
    const auto found = streams_.find(Wire(connection));
    if (found != streams_.end() && found->second.reply) found->second.reply(std::move(message));
  };
  network.close = [this](uint64_t connection) {
    if (streams_.erase(Wire(connection)) > 0) options_.network->Close(Wire(connection), 1);
  };
  network.connect = [this](uint32_t shard, const std::vector<server::Followers::Link>& links) {
    Connect(shard, links);
  };
  network.to_backup = [this](uint32_t shard, const server::FollowerId& to, ToBackup message) {
    SendToBackup({shard, to}, std::move(message));
  };
  network.to_primary = [this](uint64_t connection, Held held) {
    const auto found = streams_.find(Wire(connection));
    if (found != streams_.end() && found->second.answer) found->second.answer(std::move(held));
  };
  network.to_server = [this](ServerId to, const Sum& sum) { SendSum(to, sum); };
  network.report_soon = [this] { session_->ReportSoon(); };
  ServerHost::Options host = options_.host;
  host.id = id_;
  if (facts_.replays) host.job = &host.job->replay();
  host.incarnation = options_.incarnation;
  host_ = std::make_unique<ServerHost>(std::move(host), std::move(network));
}

void ServerProcess::SendSum(ServerId to, const Sum& sum) {
  options_.on_sum(job_, sum);
  for (const ChunkMap::Server& server : map_.servers) {
    if (server.id != to) continue;
    ServerProcess* const peer = options_.find(server.endpoint);
    if (peer == nullptr) return;
    options_.network->Datagram(options_.place, peer->place(), MessageKind::kSum, peer->life(), [peer, job = job_, sum] {
      if (peer->host_ != nullptr && peer->job_ == job) peer->host_->OnSum(sum);
    });
  }
}

// As server/service/server_agent does, which may have several jobs at a time.
void ServerProcess::OnCommand(const Command& command) {
  const coordinator::Decider::Command& decided = command.decided;
  if (decided.coordinator_term < coordinator_term_) return;
  coordinator_term_ = decided.coordinator_term;
  if (decided.id != 0) id_ = ServerId(decided.id);
  if (decided.leave) return Exit();
  if (!decided.jobs.contains(job_) && host_ != nullptr) DropJob();
  CHECK_LE(decided.jobs.size(), 1u);
  for (const auto& [id, order] : decided.jobs) {
    const Command::Job& facts = command.jobs.at(id);
    // Begun anew: what its steps are made of may have changed.
    if (host_ != nullptr && facts.life != facts_.life) DropJob();
    job_ = id;
    facts_ = facts;
    if (host_ == nullptr) MakeHost();
    if (order.map.has_value()) map_ = *order.map;
    host_->OnOrder(order);
  }
}

void ServerProcess::DropJob() {
  for (const auto& [wire, stream] : streams_) options_.network->Close(wire, 1);
  for (const auto& [id, link] : links_) {
    if (link.wire.has_value()) options_.network->Close(*link.wire, 0);
  }
  streams_.clear();
  links_.clear();
  host_.reset();
}

coordinator::Cluster::Heard ServerProcess::MakeReport(bool first) {
  coordinator::Cluster::Heard heard;
  heard.introduction = {.role = coordinator::Role::kServer,
                        .name = options_.name,
                        .incarnation = options_.incarnation,
                        .endpoint = options_.name,
                        .threads = options_.host.shards};
  heard.draining = draining_;
  if (host_ == nullptr) return heard;
  if (first) host_->OnSession();
  heard.jobs.emplace_back(job_, host_->TakeReport());
  for (const auto& [id, link] : links_) {
    if (link.broken) heard.jobs.back().second.broken_peers.push_back(id.second.server.value());
  }
  for (const Entry& entry : heard.jobs.back().second.entries) options_.on_entry(job_, entry);
  return heard;
}

void ServerProcess::OnMessage(Wire wire, const std::string& job, const ToServer& message,
                              std::function<void(ToWorker)> reply) {
  if (const auto* hello = std::get_if<Hello>(&message)) {
    // The job is not here, or its map was another.
    if (host_ == nullptr || job != job_ || hello->shard >= host_->shards()) return options_.network->Close(wire, 1);
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

// ---- Copies, as server/service/shard_host does.

void ServerProcess::Connect(uint32_t shard, const std::vector<server::Followers::Link>& links) {
  std::map<LinkId, Link> wanted;
  for (const server::Followers::Link& link : links) {
    const LinkId id(shard, link.id);
    const auto known = links_.find(id);
    if (known != links_.end() && known->second.endpoint == link.endpoint) {
      wanted.insert(links_.extract(known));
    } else {
      wanted[id].endpoint = link.endpoint;
    }
  }
  for (auto link = links_.begin(); link != links_.end();) {
    const bool gone = link->first.first == shard;
    if (gone && link->second.wire.has_value()) options_.network->Close(*link->second.wire, 0);
    link = gone ? links_.erase(link) : std::next(link);
  }
  links_.merge(wanted);
  // Not within an input of the shard.
  life()->After(absl::ZeroDuration(), [this] { OpenLinks(); });
}

void ServerProcess::OpenLinks() {
  for (auto& [id, link] : links_) {
    if (!link.wire.has_value()) OpenLink(id, link);
  }
}

void ServerProcess::OpenLink(const LinkId& id, Link& link) {
  link.peer = options_.find(link.endpoint);
  link.broken = link.broken || link.peer == nullptr;
  if (link.peer == nullptr) return;  // tried again at the next tick
  const auto wire = std::make_shared<Wire>();
  *wire = options_.network->Open({.place = options_.place,
                                  .life = life(),
                                  .on_closed =
                                      [this, id, wire] {
                                        const auto found = links_.find(id);
                                        if (found == links_.end() || found->second.wire != *wire) return;
                                        found->second.wire.reset();
                                        found->second.broken = true;
                                        host_->OnFollowerClosed(id.first, id.second);
                                      }},
                                 {.place = link.peer->place(),
                                  .life = link.peer->life(),
                                  .on_closed = [peer = link.peer, wire] { peer->OnClosed(*wire); }});
  link.wire = *wire;
  host_->OnFollowerOpened(id.first, id.second);
}

void ServerProcess::SendToBackup(const LinkId& id, ToBackup message) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.wire.has_value()) return;
  Network* const network = options_.network;
  const Wire wire = *found->second.wire;
  const auto reply = [this, network, wire, id](Held held) {
    network->Send(wire, 1, MessageKind::kHeld, [this, id, held = std::move(held)] {
      links_[id].broken = false;
      host_->OnHeld(id.first, id.second, held);
    });
  };
  const MessageKind kind = KindOf(message);
  network->Send(wire, 0, kind, [peer = found->second.peer, wire, job = job_, message = std::move(message), reply] {
    peer->OnToBackup(wire, job, message, reply);
  });
}

void ServerProcess::OnToBackup(Wire wire, const std::string& job, const ToBackup& message,
                               std::function<void(Held)> reply) {
  if (const auto* greeting = std::get_if<Greeting>(&message)) {
    if (host_ == nullptr || job != job_ || greeting->shard >= host_->shards()) return options_.network->Close(wire, 1);
    streams_[wire] = {.shard = greeting->shard, .answer = std::move(reply)};
  }
  const auto found = streams_.find(wire);
  if (found != streams_.end()) host_->OnToBackup(found->second.shard, wire.value(), message);
}

}  // namespace banyan::simulator
