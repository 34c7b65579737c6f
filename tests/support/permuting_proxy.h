#ifndef BANYAN_TESTS_SUPPORT_PERMUTING_PROXY_H_
#define BANYAN_TESTS_SUPPORT_PERMUTING_PROXY_H_

#include <atomic>
#include <cstdint>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace banyan::testing {

// A network between processes of the real thing that delivers in another order: what arrives on a connection is held,
// and let go in an order across connections, and in pieces, that the seed draws. Bytes of one connection stay in order,
// as TCP has it. Every connection of ours carries one stream, so streams are permuted.
class PermutingProxy {
 public:
  // `target` is 127.0.0.1:PORT.
  PermutingProxy(const std::string& target, uint64_t seed);
  ~PermutingProxy();

  // Where it listens instead.
  const std::string& endpoint() const { return endpoint_; }

  // How often something was let go while another connection's had come before.
  uint64_t overtakings() const { return overtakings_; }

 private:
  // One direction of a connection.
  struct Flow {
    int from = -1;
    int to = -1;
    std::string held = {};
    uint64_t came = 0;  // when the first of what is held did
    bool over = false;
  };

  void Run(const std::stop_token& stop);
  void Accept();
  void Take(Flow& flow);
  void LetOneGo();
  void CloseEnded();

  const uint16_t target_port_;
  std::mt19937_64 random_;
  int listener_ = -1;
  std::string endpoint_;
  std::vector<Flow> flows_;  // pairs: to the target, from it
  uint64_t clock_ = 0;
  std::atomic<uint64_t> overtakings_ = 0;
  std::jthread thread_;
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_PERMUTING_PROXY_H_
