#include "tests/support/cable.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

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

void Cable::Cut() {
  cut_ = true;
  MutexLock lock(mutex_);
  Reset();
}

void Cable::Mend() {
  cut_ = false;
  SetSilent(false);
}

void Cable::SetSilent(bool silent) {
  MutexLock lock(sound_mutex_);
  silent_ = silent;
  sound_.SignalAll();
}

void Cable::AwaitSound() {
  MutexLock lock(sound_mutex_);
  while (silent_) sound_.Wait(sound_mutex_);
}

// Until either end is gone, and then both are.
void Cable::Pass(int from, int to) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = recv(from, buffer.data(), buffer.size(), 0);
    AwaitSound();
    if (size <= 0) break;
    ssize_t sent = 0;
    while (sent < size) {
      const ssize_t more = send(to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more <= 0) break;
      sent += more;
    }
    if (sent < size) break;
  }
  shutdown(from, SHUT_RDWR);
  shutdown(to, SHUT_RDWR);
}

void Cable::Reset() {
  SetSilent(false);
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
    connection->there = std::jthread([=, this] { Pass(caller, daemon); });
    connection->back = std::jthread([=, this] { Pass(daemon, caller); });
    connections_.push_back(std::move(connection));
  }
}

}  // namespace banyan::testing
