#ifndef BANYAN_TESTS_SUPPORT_CABLE_H_
#define BANYAN_TESTS_SUPPORT_CABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"

namespace banyan::testing {

// What lies between a daemon and those who call it: it passes their bytes on until it is cut, or silent. Thread-safe.
class Cable {
 public:
  // Which way bytes go.
  enum class Way { kToDaemon, kToCallers };

  Cable();
  ~Cable();

  // Where to call instead.
  const std::string& endpoint() const { return endpoint_; }
  // Of the daemon, 127.0.0.1:PORT; before, nobody is let in.
  void Join(const std::string& daemon);

  // Waits until somebody is connected. False: nobody was for a minute.
  bool AwaitConnection();

  // Connections are reset, and new ones too, until it is mended. Returns how many there were.
  int Cut();
  // Connections stay, and new ones are let in, but nothing that is sent arrives before it is mended: of either way, or
  // of one.
  void Silence() { SetSilent({true, true}); }
  void Silence(Way way) { SetSilent({way == Way::kToDaemon, way == Way::kToCallers}); }
  void Mend();

 private:
  struct Connection {
    int caller = -1;
    int daemon = -1;
    std::atomic<bool> over = false;
    std::jthread there;
    std::jthread back;
  };

  void Accept();
  void Pass(Connection& connection, Way way);
  void SetSilent(std::array<bool, 2> silent);
  void AwaitSound(Way way);
  int CountOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Reset() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int listener_ = -1;
  std::string endpoint_;
  std::atomic<uint16_t> port_ = 0;
  std::atomic<bool> cut_ = false;
  Mutex mutex_;
  CondVar connected_;
  std::vector<std::unique_ptr<Connection>> connections_ ABSL_GUARDED_BY(mutex_);
  Mutex sound_mutex_;
  CondVar sound_;
  std::array<bool, 2> silent_ ABSL_GUARDED_BY(sound_mutex_) = {};  // by way
  std::jthread thread_;
};

}  // namespace banyan::testing

#endif  // BANYAN_TESTS_SUPPORT_CABLE_H_
