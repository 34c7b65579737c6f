#ifndef BANYAN_COMMON_RPC_CONNECTOR_H_
#define BANYAN_COMMON_RPC_CONNECTOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/sync.h"
#include "common/rpc/frame_stream.h"

namespace banyan {

// Opens streams to servers, each on a connection of its own, and lets go of the connections on a thread of its own:
// when the last connection of a process goes, gRPC 1.51 joins the threads that call back, which no callback survives.
// Thread-safe.
class Connector {
 public:
  // Every call carries `token`.
  explicit Connector(std::string token);
  // Closes the streams that are still open, and waits until their handlers have returned and their connections are gone.
  ~Connector();

  // Opens `method` ("/banyan.v1.ParameterServer/Exchange") for `job`. The stream lives until it is closed, whether or
  // not the caller keeps the pointer.
  std::shared_ptr<FrameStream> Open(const std::string& endpoint, const std::string& method, const std::string& job,
                                    FrameStream::Handlers handlers);

 private:
  void LetGo();

  const std::string token_;
  Mutex mutex_;
  CondVar changed_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, std::weak_ptr<FrameStream>> open_ ABSL_GUARDED_BY(mutex_);
  struct Over {
    uint64_t id;
    std::shared_ptr<void> connection;
  };
  std::vector<Over> over_ ABSL_GUARDED_BY(mutex_);
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace banyan

#endif  // BANYAN_COMMON_RPC_CONNECTOR_H_
