#include "tests/support/cable.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/loopback.h"

namespace banyan::testing {

Cable::Cable() {
  const Listener listener = ListenOnLoopback();
  listener_ = listener.descriptor;
  endpoint_ = listener.endpoint;
  thread_ = std::jthread([this] { Accept(); });
}

Cable::~Cable() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
  MutexLock lock(mutex_);
  Reset();
}

void Cable::Join(const std::string& daemon) { port_ = PortOf(daemon); }

bool Cable::AwaitConnection() {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  MutexLock lock(mutex_);
  while (CountOpen() == 0 && absl::Now() < deadline) connected_.WaitFor(mutex_, deadline - absl::Now());
  return CountOpen() > 0;
}

int Cable::CountOpen() const {
  return static_cast<int>(
      std::ranges::count_if(connections_, [](const auto& connection) { return !connection->over; }));
}

int Cable::Cut() {
  cut_ = true;
  MutexLock lock(mutex_);
  const int open = CountOpen();
  Reset();
  return open;
}

void Cable::Mend() {
  cut_ = false;
  SetSilent({});
}

void Cable::SetSilent(std::array<bool, 2> silent) {
  MutexLock lock(sound_mutex_);
  silent_ = silent;
  sound_.SignalAll();
}

void Cable::AwaitSound(Way way) {
  MutexLock lock(sound_mutex_);
  while (silent_[static_cast<size_t>(way)]) sound_.Wait(sound_mutex_);
}

// Until either end is gone, and then both are.
void Cable::Pass(Connection& connection, Way way) {
  const int from = way == Way::kToDaemon ? connection.caller : connection.daemon;
  const int to = way == Way::kToDaemon ? connection.daemon : connection.caller;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = recv(from, buffer.data(), buffer.size(), 0);
    AwaitSound(way);
    if (size <= 0) break;
    ssize_t sent = 0;
    while (sent < size) {
      const ssize_t more = send(to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more <= 0) break;
      sent += more;
    }
    if (sent < size) break;
  }
  connection.over = true;
  shutdown(from, SHUT_RDWR);
  shutdown(to, SHUT_RDWR);
}

void Cable::Reset() {
  SetSilent({});
  for (const std::unique_ptr<Connection>& connection : connections_) {
    for (const int fd : {connection->caller, connection->daemon}) shutdown(fd, SHUT_RDWR);
    connection->there.join();
    connection->back.join();
    for (const int fd : {connection->caller, connection->daemon}) close(fd);
  }
  connections_.clear();
}

void Cable::Accept() {
  while (true) {
    const int caller = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (caller < 0) return;
    MutexLock lock(mutex_);
    const int daemon = cut_ || port_ == 0 ? -1 : ConnectToLoopback(port_);
    if (daemon < 0) {
      close(caller);
      continue;
    }
    for (const int fd : {caller, daemon}) SendAtOnce(fd);
    auto connection = std::make_unique<Connection>();
    connection->caller = caller;
    connection->daemon = daemon;
    Connection& made = *connection;
    made.there = std::jthread([&made, this] { Pass(made, Way::kToDaemon); });
    made.back = std::jthread([&made, this] { Pass(made, Way::kToCallers); });
    connections_.push_back(std::move(connection));
    connected_.SignalAll();
  }
}

}  // namespace banyan::testing
