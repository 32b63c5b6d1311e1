// The destination of accepted messages: the interface between the server and a store. The server
// knows neither spool nor routes. Thread rule: a session's own thread, several at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <postroad/reply.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "proto/smtp/server/server_machine.hpp"
#include "server/answer.hpp"
#include "server/recycled.hpp"
#include "server/session_info.hpp"

namespace postroad::server {

/// One message that is being received. If it is destroyed without `commit`, nothing of it remains.
class MessageSink : public Recycled {
 public:
  virtual ~MessageSink() = default;
  /// The queue id, for the log.
  [[nodiscard]] virtual std::string id() const { return {}; }
  /// Keeps the next bytes of the message. Error: Fault::full, Fault::io; the message is then lost.
  virtual Result<void> append(std::string_view bytes) = 0;
  /// False: stop reading until `when_ready` calls (from any thread, once).
  [[nodiscard]] virtual bool ready() const = 0;
  virtual void when_ready(std::function<void()> resume) = 0;
  /// Ends the message. The header fields of `additions` go in front of everything that was
  /// appended. `done` is called once, from any thread: 250 only when the message is durable.
  virtual void commit(Additions additions, std::function<void(Reply)> done) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  /// A sink that already holds the trace header, or a null sink and the refusal (451, 452).
  struct Opened {
    std::unique_ptr<MessageSink> sink;
    Reply refusal;
  };
  /// Called at DATA or the first BDAT. Neither argument is kept.
  virtual Opened open(const SessionInfo& info, const smtp::Transaction& transaction) = 0;
  /// Called at MAIL: 452 if a message of that many bytes would find no room. 0: no size declared.
  virtual Reply room(std::uint64_t bytes) {
    (void)bytes;
    return {};
  }
};

}  // namespace postroad::server
