#include "tests/simulator/network.h"

#include <algorithm>

namespace banyan::simulator {

absl::Time Network::Arrival(Place from, Place to, absl::Duration most) {
  const auto cut = cut_until_.find({from, to});
  const absl::Time begin = cut == cut_until_.end() ? events_->now() : std::max(events_->now(), cut->second);
  return begin + events_->Delay(most);
}

absl::Duration Network::DelayOf(MessageKind kind) {
  const auto delay = delays_.find(kind);
  if (delay == delays_.end() || !events_->Chance(0.25)) return absl::ZeroDuration();
  return events_->Delay(delay->second);
}

Wire Network::Open(End opener, End accepter) {
  const Wire wire(next_++);
  Stream& stream = streams_[wire];
  stream.ends = {std::move(opener), std::move(accepter)};
  stream.last = {events_->now(), events_->now()};
  if (severed(stream.ends[0].place, stream.ends[1].place)) Break(wire);
  return wire;
}

void Network::Send(Wire wire, int from, MessageKind kind, std::function<void()> deliver,
                   std::function<void()> written) {
  const auto found = streams_.find(wire);
  if (found == streams_.end() || !found->second.open[from]) return;
  Stream& stream = found->second;
  const int to = 1 - from;
  if (watcher_) watcher_(kind, stream.ends[from].place, stream.ends[to].place);
  if (severed(stream.ends[from].place, stream.ends[to].place)) return;
  ++sent_[{stream.ends[from].place, stream.ends[to].place}];
  stream.last[to] = std::max(stream.last[to],
                             Arrival(stream.ends[from].place, stream.ends[to].place, latency_) + DelayOf(kind));
  stream.ends[to].life->At(stream.last[to], [this, wire, to, deliver = std::move(deliver)] {
    const auto at = streams_.find(wire);
    if (at != streams_.end() && at->second.open[to]) deliver();
  });
  if (!written) return;
  stream.ends[from].life->After(events_->Delay(latency_), [this, wire, from, written = std::move(written)] {
    const auto at = streams_.find(wire);
    if (at != streams_.end() && at->second.open[from]) written();
  });
}

void Network::Tell(Wire wire, int end, absl::Time at) {
  streams_.at(wire).ends[end].life->At(at, [this, wire, end] {
    const auto found = streams_.find(wire);
    if (found == streams_.end() || !std::exchange(found->second.open[end], false)) return;
    const std::function<void()> on_closed = found->second.ends[end].on_closed;
    Forget(wire);
    on_closed();
  });
}

void Network::Forget(Wire wire) {
  const auto found = streams_.find(wire);
  if (found != streams_.end() && !found->second.open[0] && !found->second.open[1]) streams_.erase(found);
}

void Network::Close(Wire wire, int end) {
  const auto found = streams_.find(wire);
  if (found == streams_.end() || !std::exchange(found->second.open[end], false)) return;
  const int other = 1 - end;
  Stream& stream = found->second;
  if (stream.open[other]) {
    Tell(wire, other, Arrival(stream.ends[end].place, stream.ends[other].place, latency_ * 3));
  }
  Forget(wire);
}

void Network::Break(Wire wire) {
  const auto found = streams_.find(wire);
  if (found == streams_.end()) return;
  ++breaks_;
  for (int end = 0; end < 2; ++end) {
    if (found->second.open[end]) Tell(wire, end, events_->now() + events_->Delay(latency_ * 3));
  }
}

void Network::EndAll(Place place, absl::Duration silence) {
  std::vector<Wire> touched;
  for (auto& [wire, stream] : streams_) {
    for (int end = 0; end < 2; ++end) {
      if (stream.ends[end].place != place || !stream.open[end] || stream.ends[end].life->alive()) continue;
      stream.open[end] = false;
      touched.push_back(wire);
      if (stream.open[1 - end]) {
        Tell(wire, 1 - end, Arrival(place, stream.ends[1 - end].place, latency_ * 2) + silence);
      }
    }
  }
  for (const Wire wire : touched) Forget(wire);
}

void Network::Datagram(Place from, Place to, MessageKind kind, const LifeRef& life, std::function<void()> deliver) {
  if (watcher_) watcher_(kind, from, to);
  if (severed(from, to)) return;
  if (loss_ > 0 && events_->now() < lossy_until_ && events_->Chance(loss_)) return;
  for (uint32_t copies = events_->Chance(0.1) ? 2 : 1; copies > 0; --copies) {
    life->At(Arrival(from, to, latency_) + DelayOf(kind), deliver);
  }
}

void Network::Cut(Place from, Place to, absl::Duration length) {
  absl::Time& until = cut_until_[{from, to}];
  until = std::max(until, events_->now() + length);
}

void Network::Sever(Place one, Place other) {
  severed_.insert(std::minmax(one, other));
  for (const auto& [wire, stream] : streams_) {
    if (severed(stream.ends[0].place, stream.ends[1].place)) Break(wire);
  }
}

std::vector<Wire> Network::wires() const {
  std::vector<Wire> wires;
  for (const auto& [wire, stream] : streams_) {
    if (stream.open[0] && stream.open[1]) wires.push_back(wire);
  }
  return wires;
}

}  // namespace banyan::simulator
