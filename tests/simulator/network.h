#ifndef BANYAN_TESTS_SIMULATOR_NETWORK_H_
#define BANYAN_TESTS_SIMULATOR_NETWORK_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "tests/simulator/event_queue.h"
#include "tests/simulator/life.h"
#include "tests/simulator/message_kind.h"

namespace banyan::simulator {

// A place where processes live one after the other: the coordinator's, a server's, a worker's.
using Place = uint32_t;
using Wire = StrongId<struct WireTag, uint64_t>;

// Streams between processes, in simulated time: in order within a stream, in any order across them, late as chance has
// it; what is under way when a stream breaks is lost or arrives before the other end hears of the break.
// Thread-compatible.
class Network {
 public:
  Network(EventQueue* events, absl::Duration latency) : events_(events), latency_(latency) {}

  struct End {
    Place place = 0;
    LifeRef life;
    std::function<void()> on_closed;  // not after Close of this end
  };
  // Ends are 0 (who opened) and 1.
  Wire Open(End opener, End accepter);
  // From end `from` to the other; nothing when this end is closed. `written`: tells the sender that it is out.
  void Send(Wire wire, int from, MessageKind kind, std::function<void()> deliver,
            std::function<void()> written = nullptr);
  // This end has closed it; the other one hears of it.
  void Close(Wire wire, int end);
  // Both ends hear of it, each in its time.
  void Break(Wire wire);
  // The process at `place` is dead: its streams end. Nobody is told before `silence` has passed.
  void EndAll(Place place, absl::Duration silence);
  // A message beside all streams: may arrive twice, in any order, or never.
  void Datagram(Place from, Place to, MessageKind kind, const LifeRef& life, std::function<void()> deliver);
  void LoseDatagrams(double chance, absl::Time until) {
    loss_ = chance;
    lossy_until_ = until;
  }
  // What is sent from now on arrives after `length`.
  void Cut(Place from, Place to, absl::Duration length);
  // For good, in both directions: streams between the two break, whenever they are opened.
  void Sever(Place one, Place other);
  bool severed(Place one, Place other) const { return severed_.contains(std::minmax(one, other)); }
  // Of messages of that kind one in four is late, by up to `most`; on a stream, so is what comes after it.
  void Delay(MessageKind kind, absl::Duration most) { delays_[kind] = most; }
  // Is told of every message that is handed out, before it is on its way.
  void Watch(std::function<void(MessageKind kind, Place from, Place to)> watcher) { watcher_ = std::move(watcher); }

  std::vector<Wire> wires() const;
  // Of an open stream: who opened it, and to whom.
  std::pair<Place, Place> PlacesOf(Wire wire) const {
    const Stream& stream = streams_.at(wire);
    return {stream.ends[0].place, stream.ends[1].place};
  }
  uint64_t breaks() const { return breaks_; }
  // Messages on streams, by from and to, since the last ForgetSent.
  const std::map<std::pair<Place, Place>, uint64_t>& sent() const { return sent_; }
  void ForgetSent() { sent_.clear(); }
  absl::Duration latency() const { return latency_; }

 private:
  struct Stream {
    std::array<End, 2> ends;
    std::array<bool, 2> open = {true, true};
    std::array<absl::Time, 2> last;  // arrival at that end
  };

  absl::Time Arrival(Place from, Place to, absl::Duration most);
  // Beside its latency.
  absl::Duration DelayOf(MessageKind kind);
  void Tell(Wire wire, int end, absl::Time at);
  void Forget(Wire wire);

  EventQueue* const events_;
  const absl::Duration latency_;
  uint64_t next_ = 1;
  uint64_t breaks_ = 0;
  std::map<std::pair<Place, Place>, uint64_t> sent_;
  double loss_ = 0;
  absl::Time lossy_until_;
  std::map<Wire, Stream> streams_;
  std::map<std::pair<Place, Place>, absl::Time> cut_until_;
  std::set<std::pair<Place, Place>> severed_;  // the lesser first
  std::map<MessageKind, absl::Duration> delays_;
  std::function<void(MessageKind kind, Place from, Place to)> watcher_;
};

}  // namespace banyan::simulator

#endif  // BANYAN_TESTS_SIMULATOR_NETWORK_H_
