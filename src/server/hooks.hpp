// What the server asks of the layers above: where a message goes, and who may do what. The server
// knows neither spool nor routes. Thread rule: every hook is called on the session's own thread,
// from several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <postroad/reply.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "proto/smtp/server/server_machine.hpp"

namespace postroad::server {

enum class Role : std::uint8_t {
  mx,          ///< takes mail from anybody for the domains it serves
  submission,  ///< takes mail from users who logged in (RFC 6409)
  catcher,     ///< takes everything: a developer's laptop
};

/// What is known of a session.
struct SessionFacts {
  Role role = Role::mx;
  std::string_view listener;                     ///< its address, "[127.0.0.1]:2525"
  std::string peer;                              ///< "[192.0.2.1]:4711"
  std::string_view host;                         ///< this server's name
  const smtp::ServerMachine* machine = nullptr;  ///< greeting name, login, TLS
  /// The word for Received (RFC 3848).
  [[nodiscard]] std::string protocol() const;
};

/// One message on its way in. Destroyed without `commit`, it leaves nothing.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// One is made for every mail, on the session's thread: its memory is that of an earlier one of
  /// the thread.
  static void* operator new(std::size_t size);
  static void operator delete(void* memory, std::size_t size) noexcept;
  /// The queue id, for the log.
  [[nodiscard]] virtual std::string id() const { return {}; }
  virtual Result<void> append(std::string_view octets) = 0;
  /// False: stop reading until `when_ready` calls (from any thread, once).
  [[nodiscard]] virtual bool ready() const = 0;
  virtual void when_ready(std::function<void()> resume) = 0;
  /// Ends the message. `done` is called once, from any thread: 250 only when the message is
  /// durable.
  virtual void commit(std::function<void(Reply)> done) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  /// A refusal (451, 452) as Reply in `refusal` and a null sink, or a sink that already holds the
  /// trace header.
  struct Opened {
    std::unique_ptr<MessageSink> sink;
    Reply refusal;
  };
  virtual Opened open(const SessionFacts& facts, const smtp::Transaction& transaction) = 0;
  /// Asked at MAIL: 452 when a message of that many octets would find no room; 0: not declared.
  virtual Reply room(std::uint64_t octets) {
    (void)octets;
    return {};
  }
};

/// What a check of a password or a token came to.
enum class LoginVerdict : std::uint8_t {
  right,
  wrong,
  not_now,  ///< who knows could not be asked: 454
};

/// The rules. A reply with code 0 means yes. They must be quick: what takes time has its own
/// coroutine in session.cpp.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual Reply connect(const SessionFacts&) { return {}; }
  virtual Reply mail(const SessionFacts&, const smtp::Transaction&) { return {}; }
  virtual Reply rcpt(const SessionFacts& facts, const smtp::Transaction& transaction,
                     const Mailbox& recipient) = 0;
  virtual Reply vrfy(const SessionFacts&, std::string_view) { return {}; }
  virtual Reply expn(const SessionFacts&, std::string_view) { return {}; }
  /// Whether the password or the token is right. Called off the loop, as it may take long.
  virtual LoginVerdict check_login(const SessionFacts& facts,
                                   const sasl::Credentials& credentials) = 0;
  /// The keys that a SASL mechanism needs of a user; decoys of one who is not known.
  virtual sasl::Keys keys(std::string_view user, std::string_view mechanism) = 0;
};

}  // namespace postroad::server
