// What waits for the writer: records to be, with who wants to hear of them. Made by any thread,
// then owned by the writer thread alone.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "spool/journal/segment.hpp"
#include "spool/spool.hpp"

namespace postroad::spool {

/// A message on its way in of which chunks went to the writer before the commit.
struct Flow {
  std::vector<Location> chunks;         ///< written so far; under the engine's lock
  std::atomic<bool> abandoned = false;  ///< nobody will commit it
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
  std::uint64_t size = 0;    ///< commit: octets of the whole message
  std::uint64_t ticket = 0;  ///< outcome: names the outcomes that are seen before they are on disk
  std::string front;         ///< first part of the payload: front and envelope, or outcomes
  std::string octets;        ///< second part: the message's own octets
  std::shared_ptr<Flow> flow;      ///< of a message in several records
  std::unique_ptr<Error> refusal;  ///< known before anything is written: only to be told
  Done done;

  RecordHeaderOctets header{};  ///< filled in by the writer, like `at`
  Location at;

  [[nodiscard]] std::uint32_t length() const noexcept {
    return static_cast<std::uint32_t>(front.size() + octets.size());
  }
  /// Nobody waits for it: it need not reach the disk on its own account.
  [[nodiscard]] bool is_lazy() const noexcept {
    return !done && (kind == Kind::outcome || kind == Kind::remove);
  }
};

}  // namespace postroad::spool
