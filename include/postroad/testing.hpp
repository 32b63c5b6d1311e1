// A server for the tests of programs that send mail: it runs in the test's own process, on a
// loopback port of the kernel's choosing, speaks real SMTP over real sockets and real TLS, and does
// what the test says: accept, refuse, stall, cut the line at any step, show wrong certificates.
//
//   postroad::testing::Server server;
//   server.at(Step::rcpt, "bad@y.example").refuse({550, {5, 1, 1}, "no such user"});
//   server.at(Step::end_of_data).keep_and_cut();    // the client must call it unknown
//   postroad::Client client{server.url()};
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <postroad/mailbox.hpp>
#include <postroad/reply.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::testing {

/// Where in a session something happens.
enum class Step : std::uint8_t { connect, hello, auth, mail, rcpt, data, end_of_data };

/// What the server does at a step.
struct POSTROAD_EXPORT Act {
  enum class Kind : std::uint8_t {
    accept,        ///< the usual reply
    answer,        ///< `reply`, whatever its code
    stall,         ///< says nothing more, and keeps the line open
    cut,           ///< closes without a reply; at the end of the data the mail is not kept
    keep_and_cut,  ///< at the end of the data: keeps the mail, then closes without a reply
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
  /// EHLO keywords that are offered, beside PIPELINING, SIZE, 8BITMIME, SMTPUTF8: of CHUNKING,
  /// BINARYMIME, DSN, LIMITS, REQUIRETLS, DELIVERBY, FUTURERELEASE, MT-PRIORITY, PRDR, AUTH.
  std::vector<std::string> extensions{};
  bool lmtp = false;
  std::size_t most_recipients = 1000;  ///< of a mail; more get 452
  std::size_t most_mails = 100'000;    ///< of a session; more get 421
};

/// A mail that was kept.
struct POSTROAD_EXPORT Received {
  Envelope envelope{};
  std::string octets{};  ///< dots taken off
  std::uint64_t session = 0;
};

/// Thread rule: all members from any thread; rules count for what happens after they were set.
class POSTROAD_EXPORT Server final {
 public:
  /// Listens from now on. Ends the test's process with a sentence where it cannot.
  explicit Server(ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Cuts all sessions.
  ~Server();

  /// "smtp://127.0.0.1:PORT", or smtps, or lmtp.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const;
  /// PEM file of the root that signed the certificates good, expired and other_name.
  [[nodiscard]] std::string ca_file() const;
  /// A login that AUTH takes; until one is set, AUTH takes none. For OAuth the password is the
  /// token.
  void add_user(const std::string& name, const std::string& password);

  class POSTROAD_EXPORT Rule {
   public:
    /// From now on, and until another rule of the same step and argument.
    void refuse(Reply reply) { set({Act::Kind::answer, std::move(reply)}); }
    void accept() { set({}); }
    void stall() { set({Act::Kind::stall, {}}); }
    void cut() { set({Act::Kind::cut, {}}); }
    void keep_and_cut() { set({Act::Kind::keep_and_cut, {}}); }

   private:
    friend class Server;
    Rule(Server& server, Step step, std::string argument)
        : server_(server), step_(step), argument_(std::move(argument)) {}
    void set(Act act);
    Server& server_;
    Step step_;
    std::string argument_;
  };
  /// What happens at a step; with an argument (the name that EHLO gives, an address) only there.
  Rule at(Step step, std::string argument = {}) { return {*this, step, std::move(argument)}; }
  /// Decides in place of the rules: `argument` as above, `session` counts from 1. Called on the
  /// server's thread.
  void decide_by(
      std::function<Act(Step step, std::string_view argument, std::uint64_t session)> decide);

  /// Copies of what was kept so far, in order.
  [[nodiscard]] std::vector<Received> received() const;
  /// Waits until so many mails were kept; whether they were, within `patience`.
  bool wait_for(std::size_t mails, std::chrono::milliseconds patience) const;
  /// Sessions so far.
  [[nodiscard]] std::uint64_t sessions() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::testing
