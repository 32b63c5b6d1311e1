// A record to be written and the callback that waits for it. Created by any thread, then owned by
// the writer thread alone.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "spool/journal/segment.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

/// A message that is being received and whose chunks went to the writer before its commit.
struct Flow {
  std::vector<Location> chunks;         ///< written so far; under the engine's lock
  std::atomic<bool> abandoned = false;  ///< it will not be committed
  std::atomic<bool> failed = false;     ///< a chunk is lost; `error` was set before
  Error error;
};

struct Work {
  Kind kind = Kind::commit;
  std::uint8_t flags = 0;
  std::uint32_t part = 0;
  std::uint32_t recipients = 0;
  std::uint32_t payload_crc = 0;
  std::uint64_t id = 0;
  std::uint64_t size = 0;    ///< commit: bytes of the whole message
  std::uint64_t ticket = 0;  ///< outcome: key of the entry in Engine::unsaved_
  std::string front;         ///< first part of the payload: front and envelope, or outcomes
  std::string bytes;         ///< second part of the payload: bytes of the message
  /// commit with flag_joined: the other message, whose outcomes end `bytes`, and their ticket.
  std::uint64_t other = 0;
  std::uint64_t other_ticket = 0;
  std::shared_ptr<Flow> flow;      ///< of a message in several records
  std::unique_ptr<Error> refusal;  ///< an error known before the write: it is only reported
  Done done;

  RecordHeaderBytes header{};  ///< filled in by the writer, like `at`
  Location at;

  [[nodiscard]] std::uint32_t length() const noexcept {
    return static_cast<std::uint32_t>(front.size() + bytes.size());
  }
  /// No caller waits for it: it does not cause a sync of its own.
  [[nodiscard]] bool is_lazy() const noexcept {
    return !done && (kind == Kind::outcome || kind == Kind::remove);
  }
};

}  // namespace postroad::spool
