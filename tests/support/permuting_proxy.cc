#include "tests/support/permuting_proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/check.h"
#include "tests/support/loopback.h"

namespace banyan::testing {
namespace {

constexpr size_t kMostHeld = 256 << 10;
constexpr int kPatienceMs = 1;  // for others to come, before something held is let go

void MakeQuick(int fd) {
  SendAtOnce(fd);
  CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

}  // namespace

PermutingProxy::PermutingProxy(const std::string& target, uint64_t seed)
    : target_port_(PortOf(target)), random_(seed) {
  const Listener listener = ListenOnLoopback(SOCK_NONBLOCK);
  listener_ = listener.descriptor;
  endpoint_ = listener.endpoint;
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

PermutingProxy::~PermutingProxy() {
  thread_.request_stop();
  thread_.join();
  close(listener_);
  for (const Flow& flow : flows_) {
    if (flow.from >= 0) close(flow.from);
  }
}

void PermutingProxy::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> watched = {{.fd = listener_, .events = POLLIN, .revents = 0}};
    bool holds = false;
    for (const Flow& flow : flows_) {
      const bool reads = !flow.over && flow.held.size() < kMostHeld;
      watched.push_back({.fd = reads ? flow.from : -1, .events = POLLIN, .revents = 0});
      holds = holds || !flow.held.empty();
    }
    const int ready = poll(watched.data(), watched.size(), holds ? kPatienceMs : 50);
    for (size_t i = 0; i < flows_.size(); ++i) {
      if (watched[i + 1].revents != 0) Take(flows_[i]);
    }
    if (watched[0].revents != 0) Accept();
    // While things come in, some of them wait.
    if (holds && (ready <= 0 || random_() % 2 == 0)) LetOneGo();
    CloseEnded();
  }
}

void PermutingProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = ConnectToLoopback(target_port_);
  if (server < 0) {
    close(client);
    return;
  }
  MakeQuick(client);
  MakeQuick(server);
  flows_.push_back({.from = client, .to = server});
  flows_.push_back({.from = server, .to = client});
}

void PermutingProxy::Take(Flow& flow) {
  std::array<char, 16384> buffer;
  const ssize_t size = read(flow.from, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size <= 0) {
    flow.over = true;
    return;
  }
  if (flow.held.empty()) flow.came = ++clock_;
  flow.held.append(buffer.data(), static_cast<size_t>(size));
}

void PermutingProxy::LetOneGo() {
  std::vector<Flow*> held;
  for (Flow& flow : flows_) {
    if (!flow.held.empty()) held.push_back(&flow);
  }
  if (held.empty()) return;
  Flow& flow = *held[random_() % held.size()];
  if (std::any_of(held.begin(), held.end(), [&](const Flow* other) { return other->came < flow.came; })) ++overtakings_;
  const size_t piece = random_() % 2 == 0 ? flow.held.size() : 1 + random_() % flow.held.size();
  const ssize_t sent = send(flow.to, flow.held.data(), piece, MSG_NOSIGNAL);
  if (sent > 0) flow.held.erase(0, static_cast<size_t>(sent));
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    flow.held.clear();
    flow.over = true;
  }
}

void PermutingProxy::CloseEnded() {
  for (size_t i = 0; i < flows_.size(); i += 2) {
    Flow& there = flows_[i];
    Flow& back = flows_[i + 1];
    const bool ended = (there.over && there.held.empty()) || (back.over && back.held.empty());
    if (there.from < 0 || !ended) continue;
    close(there.from);
    close(back.from);
    there = {.over = true};
    back = {.over = true};
  }
}

}  // namespace banyan::testing
