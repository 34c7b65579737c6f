#include "tests/support/cable.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "common/base/check.h"

namespace banyan::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Until either end is gone, and then both are.
void Pass(int from, int to) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = recv(from, buffer.data(), buffer.size(), 0);
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

}  // namespace

Cable::Cable() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  CHECK_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  CHECK_EQ(listen(listener_, SOMAXCONN), 0);
  CHECK_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  endpoint_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::jthread([this] { Accept(); });
}

Cable::~Cable() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
  MutexLock lock(mutex_);
  Reset();
}

void Cable::Join(const std::string& daemon) {
  port_ = static_cast<uint16_t>(std::stoi(daemon.substr(daemon.rfind(':') + 1)));
}

void Cable::Cut() {
  cut_ = true;
  MutexLock lock(mutex_);
  Reset();
}

void Cable::Reset() {
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
    const int daemon = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(port_);
    MutexLock lock(mutex_);
    if (cut_ || port_ == 0 || connect(daemon, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close(caller);
      close(daemon);
      continue;
    }
    const int yes = 1;
    for (const int fd : {caller, daemon}) CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), 0);
    auto connection = std::make_unique<Connection>();
    connection->caller = caller;
    connection->daemon = daemon;
    connection->there = std::jthread([=] { Pass(caller, daemon); });
    connection->back = std::jthread([=] { Pass(daemon, caller); });
    connections_.push_back(std::move(connection));
  }
}

}  // namespace banyan::testing
