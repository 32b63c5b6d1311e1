// A server for tests of programs that send mail. It runs in the test's process on a loopback port
// chosen by the kernel, speaks real SMTP over real sockets and TLS, and does what the test says:
// accept, refuse, stall, close at any stage, present wrong certificates. Library:
// libpostroad-testing (postroad::testing).
//
//   postroad::testing::Server server;
//   server.at(Stage::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
//   server.at(Stage::end_of_data).keep_and_cut();   // the outcome must be unknown
//   postroad::Client client{server.url()};
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <postroad/mailbox.hpp>
#include <postroad/reply.hpp>
#include <postroad/stage.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::testing {

/// The server's action at a stage.
struct POSTROAD_EXPORT Act {
  enum class Kind : std::uint8_t {
    accept,        ///< the usual reply
    answer,        ///< `reply`, whatever its code
    stall,         ///< sends nothing more and keeps the connection open
    cut,           ///< closes without a reply; at the end of the data the message is not kept
    keep_and_cut,  ///< at the end of the data: keeps the message, then closes without a reply
  };
  Kind kind = Kind::accept;
  Reply reply{};
};

/// Which certificate the server presents. `common_name_only`: the host is its common name, and it
/// has no subjectAltName.
enum class Certificate : std::uint8_t { good, expired, other_name, self_signed, common_name_only };
enum class Encryption : std::uint8_t { none, starttls, implicit };

struct POSTROAD_EXPORT ServerOptions {
  Encryption encryption = Encryption::none;
  Certificate certificate = Certificate::good;
  /// EHLO keywords to offer beside PIPELINING, SIZE, 8BITMIME and SMTPUTF8: any of CHUNKING,
  /// BINARYMIME, DSN, LIMITS, REQUIRETLS, DELIVERBY, FUTURERELEASE, MT-PRIORITY, PRDR, AUTH.
  std::vector<std::string> extensions{};
  bool lmtp = false;
  std::size_t max_recipients = 1000;   ///< per message; more get 452
  std::size_t max_messages = 100'000;  ///< per session; more get 421
};

/// A message that was kept.
struct POSTROAD_EXPORT Received {
  Envelope envelope{};
  std::string bytes{};  ///< without dot-stuffing
  std::uint64_t session = 0;
};

/// Thread rule: all members from any thread; a rule takes effect from the call on.
class POSTROAD_EXPORT Server final {
 public:
  /// Listens. On failure it prints why and aborts the process.
  explicit Server(ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Closes all sessions.
  ~Server();

  /// "smtp://127.0.0.1:PORT", or smtps, or lmtp.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const;
  /// PEM file of the CA that signed all certificates but self_signed.
  [[nodiscard]] std::string ca_file() const;
  /// Adds a login that AUTH accepts; without any, AUTH accepts none. For OAuth the password is the
  /// token.
  void add_user(const std::string& name, const std::string& password);

  class POSTROAD_EXPORT Rule {
   public:
    /// In force until another rule for the same stage and argument.
    void refuse(Reply reply) { set({Act::Kind::answer, std::move(reply)}); }
    void accept() { set({}); }
    void stall() { set({Act::Kind::stall, {}}); }
    void cut() { set({Act::Kind::cut, {}}); }
    void keep_and_cut() { set({Act::Kind::keep_and_cut, {}}); }

   private:
    friend class Server;
    Rule(Server& server, Stage stage, std::string argument)
        : server_(server), stage_(stage), argument_(std::move(argument)) {}
    void set(Act act);
    Server& server_;
    Stage stage_;
    std::string argument_;
  };
  /// The server's action at a stage: connect, ehlo (also for HELO and LHLO), auth, mail, rcpt, data
  /// or end_of_data; with an argument (the name in EHLO, a user, an address) only for that one.
  Rule at(Stage stage, std::string argument = {}) { return {*this, stage, std::move(argument)}; }
  /// Decides in place of the rules: `argument` as above, `session` counts from 1. Called on the
  /// server's thread.
  void decide_by(
      std::function<Act(Stage stage, std::string_view argument, std::uint64_t session)> decide);

  /// Copies of the messages kept so far, in order.
  [[nodiscard]] std::vector<Received> received() const;
  /// Waits until that many messages were kept. False: not within `patience`.
  bool wait_for(std::size_t messages, std::chrono::milliseconds patience) const;
  /// Sessions so far.
  [[nodiscard]] std::uint64_t sessions() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::testing
