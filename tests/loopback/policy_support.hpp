// A server with scripted policies, a client that types by hand, and the log as lines: for tests of
// sessions with policies.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"

namespace postroad::loopback {

/// Answers each hook as its script says.
class ScriptedPolicy final : public server::SessionPolicy {
 public:
  enum class When : std::uint8_t {
    at_once,
    held,     ///< the Answer is kept until `release`
    dropped,  ///< the Answer is destroyed uncalled
    throws,
    throws_other,  ///< an object that is not a std::exception
  };
  struct Plan {
    When when = When::at_once;
    Reply reply{};
    server::Additions additions{};
  };
  ScriptedPolicy() = default;
  explicit ScriptedPolicy(std::map<std::string, Plan> plans) : plans_(std::move(plans)) {}

  /// Gives the answers that are held. Any thread.
  void release();
  /// Waits until `count` answers are held.
  [[nodiscard]] bool wait_for_held(std::size_t count = 1);
  /// Waits until that hook was called `count` times.
  [[nodiscard]] bool wait_for(const std::string& hook, std::size_t count = 1);
  /// The hooks in order, "mail" …
  [[nodiscard]] std::vector<std::string> asked();
  /// The session as the last call of that hook saw it: a line of its values.
  [[nodiscard]] std::string seen(const std::string& hook);

  void connect(const server::SessionInfo& info, server::Answer answer) override;
  void helo(const server::SessionInfo& info, std::string_view name, server::Answer answer) override;
  void mail(const server::SessionInfo& info, const smtp::Transaction&,
            server::Answer answer) override;
  void rcpt(const server::SessionInfo& info, const smtp::Transaction&, const Mailbox& recipient,
            server::Answer answer) override;
  void data(const server::SessionInfo& info, const smtp::Transaction&,
            server::Answer answer) override;
  [[nodiscard]] bool reads_bodies() const override { return plans_.contains("body"); }
  void body(const server::SessionInfo& info, std::string_view bytes,
            server::Answer answer) override;
  void message(const server::SessionInfo& info, const smtp::Transaction&,
               server::Answer answer) override;
  void vrfy(const server::SessionInfo& info, std::string_view text, server::Answer answer) override;
  void expn(const server::SessionInfo& info, std::string_view text, server::Answer answer) override;
  void auth(const server::SessionInfo& info, const sasl::Credentials&,
            server::Answer answer) override;
  void closed(const server::SessionInfo& info) override;

 private:
  struct Held {
    server::Answer answer;
    Plan plan;
  };
  void act(const std::string& hook, const server::SessionInfo& info, server::Answer answer);
  void note(const std::string& hook, const server::SessionInfo& info);

  std::map<std::string, Plan> plans_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::vector<Held> held_;
  std::vector<std::string> asked_;
  std::map<std::string, std::string> seen_;
};

/// Lines of the log as JSON, and waiting for one.
class LogLines final {
 public:
  explicit LogLines(observe::Log& log);
  /// Waits for a line that contains all of these; empty: none arrived.
  [[nodiscard]] std::string wait_for(const std::vector<std::string>& parts);
  [[nodiscard]] std::size_t count(const std::string& part);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable bell;
    std::vector<std::string> lines;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// One thread, so that everything that is not the test's own happens on it.
struct PolicyServer {
  explicit PolicyServer(server::PolicyChain policies, server::ListenerSettings listener = {},
                        server::GuardSettings limits = {});
  ~PolicyServer() { server.stop(std::chrono::milliseconds(2000)); }
  MemoryStore store;
  observe::Log log;
  LogLines lines{log};
  server::Guard guard;
  server::Server server;
  std::uint16_t port = 0;
};

/// A client that blocks, and gives up after some seconds.
class Typist final {
 public:
  explicit Typist(std::uint16_t port);
  Typist(const Typist&) = delete;
  Typist& operator=(const Typist&) = delete;
  ~Typist();
  void type(std::string_view lines);
  /// One reply, all its lines; empty at the end of the connection.
  std::string reply();
  /// Types and gives the reply.
  std::string say(std::string_view line);
  /// Whether a reply is there, or arrives within that time.
  [[nodiscard]] bool has_reply(std::chrono::milliseconds patience) const;
  /// Whether the server closed and there is nothing left to read.
  bool is_at_end();
  /// Closes with a reset.
  void vanish();

 private:
  bool read_some();
  int socket_;
  std::string input_;
};

}  // namespace postroad::loopback
