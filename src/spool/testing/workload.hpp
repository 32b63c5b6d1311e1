// Messages that tests can tell apart, and calls that wait for their callback. For tests only; it
// uses the contract (spool.hpp) and no engine.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "spool/spool.hpp"

namespace postroad::spool::workload {

/// `length` bytes that depend on every bit of `seed`.
inline std::string bytes(std::uint64_t seed, std::size_t length) {
  std::string out;
  out.reserve(length);
  for (std::uint64_t x = seed * 0x9e3779b97f4a7c15 + 1; out.size() < length;) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    out.push_back(static_cast<char>(x >> 32));
  }
  return out;
}

inline Envelope envelope(std::uint64_t seed, std::size_t recipients = 1) {
  Envelope out;
  out.reverse_path = "sender" + std::to_string(seed) + "@example.org";
  for (std::size_t i = 0; i < recipients; ++i) {
    out.recipients.emplace_back();
    out.recipients.back().address =
        "r" + std::to_string(i) + "." + std::to_string(seed) + "@example.net";
  }
  out.arrived = static_cast<std::int64_t>(1700000000000 + seed);
  out.client = "[192.0.2.1]:4711";
  out.helo = "client.example";
  out.protocol = "ESMTP";
  out.options.emplace_back("BODY", "8BITMIME");
  return out;
}

/// Waits for a Done.
class Answer final {
 public:
  Done done() {
    return [promise = promise_](Result<void> result) { promise->set_value(std::move(result)); };
  }
  Result<void> wait() { return future_.get(); }
  [[nodiscard]] bool is_there() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::shared_ptr<std::promise<Result<void>>> promise_ =
      std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> future_ = promise_->get_future();
};

struct Put {
  QueueId id;
  Result<void> result;
};

/// Stores a message in pieces of `piece` bytes, then prepends `heads`, and waits for the result.
inline Put put(Spool& spool, const std::string& bytes, const Envelope& envelope,
               std::size_t piece = 1000, const std::vector<std::string>& heads = {}) {
  auto incoming = spool.begin();
  if (!incoming) return {{}, incoming.error()};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (auto kept = (*incoming)->append(std::string_view(bytes).substr(at, piece)); !kept) break;
  }
  for (const auto& head : heads) (*incoming)->prepend(head);
  Answer answer;
  (*incoming)->commit(envelope, answer.done());
  return {(*incoming)->id(), answer.wait()};
}

/// Stores `bytes(seed, size)`; for odd seeds its first bytes are prepended at the end.
inline Put put_with_head(Spool& spool, std::uint64_t seed, std::size_t size,
                         const Envelope& envelope) {
  const auto whole = bytes(seed, size);
  const auto head = seed % 2 == 1 ? std::min<std::size_t>(size, 100) : 0;
  return put(spool, whole.substr(head), envelope, 1000, {whole.substr(0, head)});
}

inline Result<void> record(Spool& spool, QueueId id, std::vector<OutcomeRecord> outcomes) {
  Answer answer;
  spool.record(id, std::move(outcomes), answer.done());
  return answer.wait();
}

inline Result<void> remove(Spool& spool, QueueId id) {
  Answer answer;
  spool.remove(id, answer.done());
  return answer.wait();
}

/// All bytes of a message.
inline Result<std::string> read(Spool& spool, QueueId id) {
  auto reader = spool.read(id);
  if (!reader) return reader.error();
  std::string out;
  while (true) {
    const auto part = (*reader)->next();
    if (!part) return part.error();
    if (part->empty()) return out;
    out += *part;
  }
}

inline OutcomeRecord delivered(std::uint32_t recipient, std::string note = "250 taken") {
  return {recipient, State::delivered, 1, 0, std::move(note)};
}

}  // namespace postroad::spool::workload
