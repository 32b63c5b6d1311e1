// Turns a transcript's `server:`, `client:` and `policy:` lines into the machines' options and
// canned answers.
#pragma once

#include <map>
#include <optional>
#include <postroad/reply.hpp>
#include <string>
#include <vector>

#include "proto/smtp/client/client_options.hpp"
#include "proto/smtp/server/server_machine.hpp"
#include "transcript.hpp"

namespace postroad::transcripts {

smtp::ServerOptions server_options(const Transcript& script);
smtp::ClientOptions client_options(const Transcript& script);

/// The answers of a consultant, and the values that it received. Without a policy line it accepts
/// everything.
class Canned final {
 public:
  explicit Canned(const Transcript& script);
  /// Answers the machine's question and keeps what it learns.
  void answer(smtp::ServerMachine& machine);

  struct Message {
    std::string reverse_path;
    std::vector<std::string> recipients;
    std::string bytes;
    std::string parameters;  ///< parameters of the message, in the syntax of MAIL
    std::vector<std::string> recipient_parameters;
  };
  std::vector<Message> messages;  ///< committed with a 2yz
  std::string login;

 private:
  [[nodiscard]] sasl::Keys keys_of(const std::string& user, const std::string& mechanism) const;
  [[nodiscard]] std::vector<Reply> replies_at_end(const smtp::Transaction& transaction) const;
  [[nodiscard]] Reply find(const std::string& hook, const std::string& key) const;
  std::map<std::string, Reply> answers_;
  std::map<std::string, std::string> users_;
  std::string draft_;
  std::string salt_ = "sixteen bytes!!";
  bool trusts_peer_ = false;
};

/// `550 5.1.1 words` as a reply.
Reply parse_reply(const std::string& text);

}  // namespace postroad::transcripts
