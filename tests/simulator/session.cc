#include "tests/simulator/session.h"

#include <memory>
#include <utility>

namespace banyan::simulator {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);
constexpr absl::Duration kRetry = absl::Milliseconds(200);

}  // namespace

using coordinator::SessionId;

Session::Session(Options options, Handlers handlers) : options_(std::move(options)), handlers_(std::move(handlers)) {
  options_.life->After(options_.events->Delay(absl::Milliseconds(50)), [this] { Open(); });
}

void Session::Open() {
  peer_ = options_.coordinator();
  if (peer_ == nullptr) return Lost();
  id_ = std::make_shared<std::optional<SessionId>>();
  wire_ = options_.network->Open(
      {.place = options_.place, .life = options_.life, .on_closed = [this] { Lost(); }},
      {.place = options_.coordinator_place,
       .life = options_.coordinator_life(),
       .on_closed = [peer = peer_, id = id_] {
         if (id->has_value()) peer->OnClosed(**id);
       }});
  ++streams_;
  Report(/*first=*/true);
  Beat(streams_);
}

void Session::Lost() {
  wire_.reset();
  options_.life->After(kRetry, [this] { Open(); });
}

void Session::Beat(uint64_t stream) {
  options_.life->After(kInterval, [this, stream] {
    if (!wire_.has_value() || stream != streams_) return;
    Report(/*first=*/false);
    Beat(stream);
  });
}

void Session::ReportSoon() {
  if (std::exchange(soon_, true)) return;
  options_.life->After(options_.events->Delay(absl::Milliseconds(2)), [this] {
    soon_ = false;
    if (wire_.has_value()) Report(/*first=*/false);
  });
}

void Session::Report(bool first) {
  Network* const network = options_.network;
  const coordinator::Cluster::Heard heard = handlers_.make_report(first);
  network->Send(*wire_, 0, KindOf(heard),
                [this, network, wire = *wire_, peer = peer_, id = id_, heard] {
                  if (!id->has_value()) {
                    // `this` lives as long as its end of the stream is told of anything.
                    *id = peer->Accept(
                        [this, network, wire](MessageKind kind, const Command& command) {
                          network->Send(wire, 1, kind, [this, command] { handlers_.on_command(command); });
                        },
                        [network, wire] { network->Close(wire, 1); });
                  }
                  peer->OnReport(**id, heard);
                });
}

}  // namespace banyan::simulator
