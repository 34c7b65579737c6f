#include "common/rpc/frame_stream.h"

#include <map>
#include <optional>
#include <utility>

#include "common/base/sync.h"
#include "common/rpc/status.h"
#include "grpcpp/generic/generic_stub.h"

namespace banyan {
namespace {

using grpc::ByteBuffer;

// What both ends share: the queue of frames to send and the count of frames not yet consumed. `Reactor` gives
// StartRead, StartWrite; its derived class says how the stream ends.
template <typename Reactor>
class FrameStreamBase : public FrameStream, public Reactor, public std::enable_shared_from_this<FrameStreamBase<Reactor>> {
 public:
  void Send(Frame frame, uint32_t priority) override {
    std::optional<Frame> next;
    {
      MutexLock lock(mutex_);
      if (closing_) return;
      queue_.emplace(priority, std::move(frame));
      next = TakeNext();
    }
    if (next.has_value()) Write(*std::move(next));
  }

  void Consumed() override {
    MutexLock lock(mutex_);
    --unconsumed_;
    ReadNext();
  }

  size_t queued() const override {
    MutexLock lock(mutex_);
    return queue_.size();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        MutexLock lock(mutex_);
        reading_ = false;
      }
      OnInputEnd();
      return;
    }
    absl::StatusOr<Frame> frame = DecodeFrame(incoming_);
    incoming_.Clear();
    if (!frame.ok()) {
      {
        MutexLock lock(mutex_);
        reading_ = false;
      }
      this->Close(frame.status());
      return;
    }
    {
      MutexLock lock(mutex_);
      ++unconsumed_;
    }
    handlers_.on_frame(*std::move(frame));
    MutexLock lock(mutex_);
    reading_ = false;
    ReadNext();
  }

  void OnWriteDone(bool ok) override {
    // A failed write means that the stream is ending; OnReadDone or OnCancel says so too.
    outgoing_.Clear();
    if (ok && handlers_.on_written) handlers_.on_written(queued());
    bool closed = false;
    std::optional<Frame> next;
    {
      MutexLock lock(mutex_);
      writing_ = false;
      closed = closing_;
      next = TakeNext();
    }
    if (closed) OnWritesSettled();
    if (next.has_value()) Write(*std::move(next));
  }

 protected:
  explicit FrameStreamBase(Handlers handlers) : handlers_(std::move(handlers)) {}

  // The other end sends no more.
  virtual void OnInputEnd() = 0;

  // The write that was under way when the stream was closed is over.
  virtual void OnWritesSettled() = 0;

  // Between these gRPC must not let go of the stream, whoever closes it meanwhile. The first is called with the mutex
  // held and the stream open; after the second this object may be gone.
  virtual void BeforeWrite() = 0;
  virtual void AfterWrite() = 0;

  void StartReading() {
    MutexLock lock(mutex_);
    self_ = this->shared_from_this();
    ReadNext();
  }

  // The last call on this object that gRPC makes: tells the handlers and lets go.
  void Done(const absl::Status& status) {
    std::shared_ptr<FrameStreamBase> self;
    {
      MutexLock lock(mutex_);
      closing_ = true;
      queue_.clear();
      self = std::move(self_);
    }
    handlers_.on_closed(status);
    handlers_ = {};
  }

  struct Closing {
    bool first = false;  // this call is the first to close
    bool writing = false;
  };
  Closing BeginClosing() {
    MutexLock lock(mutex_);
    queue_.clear();
    return {.first = !std::exchange(closing_, true), .writing = writing_};
  }

 private:
  void ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || closing_ || unconsumed_ >= kMaxUnconsumed) return;
    reading_ = true;
    this->StartRead(&incoming_);
  }

  // The frame to write now, if there is one. Whoever is given it owns `outgoing_` and calls Write.
  std::optional<Frame> TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || closing_ || queue_.empty()) return std::nullopt;
    writing_ = true;
    BeforeWrite();
    return std::move(queue_.extract(queue_.begin()).mapped());
  }

  // With no lock held: gRPC often hands a megabyte to the kernel inside StartWrite.
  void Write(Frame frame) {
    outgoing_ = EncodeFrame(frame);
    frame = Frame();  // the buffer has its share of the payload
    this->StartWrite(&outgoing_);
    AfterWrite();
  }

  Handlers handlers_;
  ByteBuffer incoming_;
  ByteBuffer outgoing_;
  mutable Mutex mutex_;
  std::multimap<uint32_t, Frame> queue_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int unconsumed_ ABSL_GUARDED_BY(mutex_) = 0;
  // gRPC's share in this object, from start to OnDone.
  std::shared_ptr<FrameStreamBase> self_ ABSL_GUARDED_BY(mutex_);
};

class AcceptingStream final : public FrameStreamBase<grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>> {
 public:
  explicit AcceptingStream(Handlers handlers) : FrameStreamBase(std::move(handlers)) {}

  using FrameStreamBase::StartReading;

  void Close(const absl::Status& status) override {
    const Closing closing = BeginClosing();
    if (!closing.first) return;
    {
      MutexLock lock(status_mutex_);
      status_ = status;
    }
    // gRPC takes no Finish beside a write.
    if (!closing.writing) OnWritesSettled();
  }

  void OnInputEnd() override { Close(absl::OkStatus()); }

  void OnWritesSettled() override {
    absl::Status status;
    {
      MutexLock lock(status_mutex_);
      if (!status_.has_value() || std::exchange(finished_, true)) return;
      status = *status_;
    }
    Finish(ToGrpc(status));
  }

  // The call lasts until Finish, which waits for a write that was taken.
  void BeforeWrite() override {}
  void AfterWrite() override {}

  void OnCancel() override { Close(absl::CancelledError("the other end is gone")); }

  void OnDone() override {
    absl::Status status;
    {
      MutexLock lock(status_mutex_);
      status = status_.value_or(absl::CancelledError("the other end is gone"));
    }
    Done(status);
  }

 private:
  Mutex status_mutex_;
  // Set once by Close.
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(status_mutex_);
  bool finished_ ABSL_GUARDED_BY(status_mutex_) = false;
};

// What a call holds of its channel.
struct Connection {
  grpc::GenericStub stub;
  std::unique_ptr<grpc::ClientContext> context;
};

class OpeningStream final : public FrameStreamBase<grpc::ClientBidiReactor<ByteBuffer, ByteBuffer>> {
 public:
  using LetGo = std::function<void(std::shared_ptr<void> connection)>;

  OpeningStream(std::shared_ptr<Connection> connection, Handlers handlers, LetGo let_go)
      : FrameStreamBase(std::move(handlers)), connection_(std::move(connection)), let_go_(std::move(let_go)) {}

  void Start(const std::string& method) {
    connection_->stub.PrepareBidiStreamingCall(connection_->context.get(), method, {}, this);
    // Send and Close come from other threads than the reactions.
    AddHold();
    StartReading();
    StartCall();
  }

  void Close(const absl::Status& /*status*/) override {
    if (!BeginClosing().first) return;
    connection_->context->TryCancel();
    RemoveHold();
  }

  // The server ended the call: its status is on the way and must not be overtaken by a cancellation.
  void OnInputEnd() override {
    if (BeginClosing().first) RemoveHold();
  }

  void OnWritesSettled() override {}

  void BeforeWrite() override { AddHold(); }
  void AfterWrite() override { RemoveHold(); }

  void OnDone(const grpc::Status& status) override {
    // Whoever closed has returned from that: it held the call.
    std::shared_ptr<Connection> connection = std::move(connection_);
    const LetGo let_go = std::move(let_go_);
    Done(FromGrpc(status));
    let_go(std::move(connection));
  }

 private:
  std::shared_ptr<Connection> connection_;
  LetGo let_go_;
};

}  // namespace

std::shared_ptr<FrameStream> OpenFrameStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                                             std::unique_ptr<grpc::ClientContext> context,
                                             FrameStream::Handlers handlers,
                                             std::function<void(std::shared_ptr<void> connection)> let_go) {
  auto connection = std::make_shared<Connection>(grpc::GenericStub(channel), std::move(context));
  auto stream = std::make_shared<OpeningStream>(std::move(connection), std::move(handlers), std::move(let_go));
  stream->Start(method);
  return stream;
}

AcceptedFrameStream AcceptFrameStream(FrameStream::Handlers handlers) {
  auto stream = std::make_shared<AcceptingStream>(std::move(handlers));
  stream->StartReading();
  return {.reactor = stream.get(), .stream = stream};
}

}  // namespace banyan
