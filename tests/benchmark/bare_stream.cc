// What gRPC alone can carry: a generic bidirectional stream of raw slices, nothing copied by us. Driven by exchange.py,
// which has the product's own exchange run beside it:
//
//   bare_stream --listen                              the peer: adds every message into an accumulator, sends as many
//                                                     bytes of the accumulator back
//   bare_stream --connect=127.0.0.1:PORT --bytes=N --frame=BYTES
//
// Each line on stdin of the latter is a number of rounds; in each N bytes go up in messages of `frame` bytes, and the
// next begins when N bytes have come back. The answer is the seconds they took. The stream has no header, no checksum
// and no update; the transport's settings are those of ours, with --tuned those of the process too.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "common/base/check.h"
#include "common/cpu/cpu_level.h"
#include "common/reduce/join.h"
#include "common/rpc/channel.h"
#include "common/rpc/process_settings.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

ABSL_FLAG(bool, listen, false, "be the peer; prints its port");
ABSL_FLAG(std::string, connect, "", "host:port of the peer");
ABSL_FLAG(size_t, bytes, 64 << 20, "a round and direction");
ABSL_FLAG(size_t, frame, 1 << 20, "bytes a message");
ABSL_FLAG(bool, tuned, false, "our settings of malloc and of Abseil's locks (common/rpc/process_settings.h)");

namespace banyan {
namespace {

using grpc::ByteBuffer;

constexpr char kMethod[] = "/bare/Stream";

// `size` bytes at `data`, which outlive all messages.
ByteBuffer Message(const std::byte* data, size_t size) {
  const grpc::Slice slice(data, size, grpc::Slice::STATIC_SLICE);
  return ByteBuffer(&slice, 1);
}

// The messages that wait while one is written. The writer is whoever finds nobody writing.
class Outbox {
 public:
  // The message to write now, if any.
  bool Push(ByteBuffer message, ByteBuffer* writing) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(message));
    return Next(writing);
  }
  bool Written(ByteBuffer* writing) {
    std::lock_guard lock(mutex_);
    busy_ = false;
    return Next(writing);
  }

 private:
  bool Next(ByteBuffer* writing) {
    if (busy_ || queue_.empty()) return false;
    busy_ = true;
    *writing = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

  std::mutex mutex_;
  std::deque<ByteBuffer> queue_;
  bool busy_ = false;
};

class Peer final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Peer(size_t bytes) : sum_(bytes / sizeof(float)) { StartRead(&incoming_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    const std::span<std::byte> all = std::as_writable_bytes(std::span(sum_));
    const size_t size = incoming_.Length();
    if (at_ + size > all.size()) at_ = 0;
    const size_t begin = at_;
    std::vector<grpc::Slice> slices;
    CHECK(incoming_.Dump(&slices).ok());
    for (const grpc::Slice& slice : slices) {
      // gRPC cuts where it likes; elements that lie across a cut are left out of the sum.
      const size_t floats = slice.size() / sizeof(float);
      JoinBytes(level_, std::span(sum_).subspan(at_ / sizeof(float), floats),
                std::as_bytes(std::span(slice.begin(), floats * sizeof(float))));
      at_ += slice.size();
    }
    slices.clear();
    incoming_.Clear();
    if (outbox_.Push(Message(all.data() + begin, size), &outgoing_)) StartWrite(&outgoing_);
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (ok && outbox_.Written(&outgoing_)) StartWrite(&outgoing_);
  }

  void OnDone() override { delete this; }

 private:
  const CpuLevel level_ = DetectCpuLevel();
  std::vector<float> sum_;
  size_t at_ = 0;  // bytes
  ByteBuffer incoming_;
  ByteBuffer outgoing_;
  Outbox outbox_;
};

class PeerService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Peer(absl::GetFlag(FLAGS_bytes));
  }
};

void Listen() {
  PeerService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(-1);
  SetTransportArguments([&builder](const char* name, int value) { builder.AddChannelArgument(name, value); });
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  CHECK(server != nullptr);
  std::printf("%d\n", port);
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) continue;
  std::_Exit(0);
}

class Caller final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Caller(const std::string& endpoint, size_t bytes, size_t frame)
      : values_(bytes / sizeof(float), 1e-3f), frame_(frame) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    SetTransportArguments([&arguments](const char* name, int value) { arguments.SetInt(name, value); });
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
    stub_->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  // Bytes up and bytes down, once.
  void Round() {
    std::unique_lock lock(mutex_);
    received_ = 0;
    const std::span<const std::byte> all = std::as_bytes(std::span<const float>(values_));
    for (size_t at = 0; at < all.size(); at += frame_) {
      if (outbox_.Push(Message(all.data() + at, std::min(frame_, all.size() - at)), &outgoing_)) StartWrite(&outgoing_);
    }
    changed_.wait(lock, [&] { return received_ == all.size(); });
  }

  void OnReadDone(bool ok) override {
    CHECK(ok);
    const size_t size = incoming_.Length();
    incoming_.Clear();
    {
      std::lock_guard lock(mutex_);
      received_ += size;
      changed_.notify_one();
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    CHECK(ok);
    if (outbox_.Written(&outgoing_)) StartWrite(&outgoing_);
  }

 private:
  const std::vector<float> values_;
  const size_t frame_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  ByteBuffer incoming_;
  ByteBuffer outgoing_;
  Outbox outbox_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t received_ = 0;
};

void Call() {
  // Never destroyed: the stream is open until the process ends.
  auto* caller = new Caller(absl::GetFlag(FLAGS_connect), absl::GetFlag(FLAGS_bytes), absl::GetFlag(FLAGS_frame));
  int rounds = 0;
  while (std::cin >> rounds) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) caller->Round();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f\n", seconds.count());
    std::fflush(stdout);
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace banyan

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_tuned)) banyan::SetUpProcessForRpc();
  if (absl::GetFlag(FLAGS_listen)) {
    banyan::Listen();
  } else {
    banyan::Call();
  }
  return 0;
}
