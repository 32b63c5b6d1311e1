// A real server on loopback over a store in memory, for tests of both ends: real sockets, real TLS,
// a port that the kernel chooses.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "server/server.hpp"

namespace postroad::loopback {

struct Arrived {
  std::string reverse_path;
  std::vector<std::string> recipients;
  std::string bytes;
  std::string protocol;
  std::string login;
  std::vector<std::pair<std::string, std::string>> options{};  // that a policy added
};

/// Keeps messages in memory; `commit_reply` is the reply to a commit.
class MemoryStore final : public server::Store {
 public:
  Opened open(const server::SessionInfo& info, const smtp::Transaction& transaction) override;
  [[nodiscard]] std::vector<Arrived> arrived() const;
  void keep(Arrived message);
  Reply commit_reply;

 private:
  mutable std::mutex mutex_;
  std::vector<Arrived> arrived_;
};

/// Accepts everything but what is listed; users with their passwords.
class TablePolicy final : public server::SessionPolicy {
 public:
  std::map<std::string, Reply> rcpt_replies;
  std::map<std::string, std::string> users;
  void rcpt(const server::SessionInfo&, const smtp::Transaction&, const Mailbox& recipient,
            server::Answer answer) override;
  void auth(const server::SessionInfo&, const sasl::Credentials& credentials,
            server::Answer answer) override;
  std::optional<sasl::Keys> keys(std::string_view user, std::string_view mechanism) override;
};

/// PEM files of a certificate authority and of a certificate with its key for localhost and
/// 127.0.0.1; made once per process.
struct Certificates {
  std::string server, ca;
  static const Certificates& get();
};

struct Harness {
  explicit Harness(smtp::ServerOptions options = {}, bool with_tls = false);
  ~Harness();
  [[nodiscard]] std::string url(const std::string& scheme = "smtp") const;
  MemoryStore store;
  TablePolicy policy;
  observe::Log log;
  server::Guard guard;
  server::Server server;
  std::uint16_t port = 0;
};

}  // namespace postroad::loopback
