#include "tests/support/leftovers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/check.h"

namespace banyan::testing {

std::vector<pid_t> ProcessesThatName(const std::string& text) {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == getpid()) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(text) != std::string::npos) pids.push_back(pid);
  }
  return pids;
}

std::vector<pid_t> StillThereAfter(const std::vector<pid_t>& processes, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::vector<pid_t> left;
  for (const pid_t pid : processes) {
    pollfd end = {.fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), .events = POLLIN, .revents = 0};
    if (end.fd < 0) continue;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (poll(&end, 1, static_cast<int>(std::max<int64_t>(0, rest.count()))) != 1) left.push_back(pid);
    close(end.fd);
  }
  return left;
}

bool SomebodyListens(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  CHECK(colon != std::string::npos);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(endpoint.c_str() + colon + 1)));
  CHECK_EQ(inet_pton(AF_INET, endpoint.substr(0, colon).c_str(), &address.sin_addr), 1);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_GE(fd, 0);
  const bool listens = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return listens;
}

}  // namespace banyan::testing
