#ifndef BANYAN_TESTS_SUPPORT_LOOPBACK_H_
#define BANYAN_TESTS_SUPPORT_LOOPBACK_H_

#include <cstdint>
#include <string>

// Sockets on 127.0.0.1, for what stands between processes in tests. Whoever gets a descriptor closes it.
namespace banyan::testing {

struct Listener {
  int descriptor = -1;
  std::string endpoint;  // 127.0.0.1:PORT
};

// On a free port. `flags` as of socket(2), beside SOCK_CLOEXEC.
Listener ListenOnLoopback(int flags = 0);

// Of 127.0.0.1:PORT.
uint16_t PortOf(const std::string& endpoint);

// -1: nobody listens there.
int ConnectToLoopback(uint16_t port);

// What is written leaves at once.
void SendAtOnce(int descriptor);

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_LOOPBACK_H_
