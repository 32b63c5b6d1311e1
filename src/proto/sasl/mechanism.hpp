// SASL mechanisms as machines without I/O (RFC 4422). Messages are plain bytes: base64 and the AUTH
// command belong to SMTP. A mechanism is a class in one of the files beside this and a row in
// mechanism.cpp: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), SCRAM (RFC 5802, 7677) with
// channel binding (RFC 5929, 9266), XOAUTH2, OAUTHBEARER (RFC 7628), EXTERNAL (RFC 4422).
#pragma once

#include <memory>
#include <optional>
#include <postroad/secret.hpp>
#include <postroad/stage.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proto/sasl/keys.hpp"

namespace postroad::sasl {

/// Bytes that only the two ends of one TLS connection know. Empty: not available.
struct ChannelBinding {
  std::string exporter;   ///< tls-exporter (RFC 9266)
  std::string end_point;  ///< tls-server-end-point (RFC 5929 section 4)
  [[nodiscard]] bool is_there() const { return !exporter.empty() || !end_point.empty(); }
  friend bool operator==(const ChannelBinding&, const ChannelBinding&) = default;
};

/// The identity that a client proves. On the server the login backend decides whether it is right,
/// unless the mechanism has verified it.
struct Credentials {
  std::string user{};
  std::string authorize_as{};  ///< authorization identity; empty: the user
  Secret password{};
  Secret token{};                ///< OAuth: a bearer token in place of the password
  bool certificate = false;      ///< client: TLS showed a certificate, EXTERNAL may be used
  std::optional<bool> proven{};  ///< server: the mechanism's own result, by the user's keys
};

/// Facts of the connection.
struct Context {
  ChannelBinding binding;
  bool binding_is_offered = false;  ///< the server offers a -PLUS of this mechanism
  std::string host;                 ///< client: the server's name, for OAUTHBEARER
  std::uint16_t port = 0;
  std::string peer_name;  ///< server: the name in the client's certificate
  std::string nonce;      ///< set by tests; empty: random
};

/// The server's end of one exchange.
class Server {
 public:
  virtual ~Server() = default;
  /// The next step of the exchange.
  struct Move {
    std::optional<std::string> challenge;      ///< send this and wait for the response
    std::optional<std::string> wants_keys_of;  ///< look them up and call `take_keys`
    std::optional<Credentials> credentials;    ///< the exchange is complete: verify these
    std::optional<std::string> on_success;     ///< sent before 235; the response is awaited
    std::optional<std::string> on_failure;     ///< sent before 535; the response is awaited
    std::string error;                         ///< the exchange has failed: 501 with this text
  };
  /// `response` is nullopt only at the beginning, without an initial response.
  virtual Move step(std::optional<std::string_view> response) = 0;
  virtual Move take_keys(const Keys& keys);
};

/// The client's end of one exchange.
class Client {
 public:
  virtual ~Client() = default;
  struct Answer {
    std::string response;
    Stage stage = Stage::auth;  ///< names this answer in errors
    bool secret = true;
  };
  /// The initial response, nullopt where the mechanism has none.
  virtual std::optional<Answer> initial() = 0;
  /// The response to a challenge; nullopt when the mechanism expects no challenge or the challenge
  /// is not valid: the exchange is then cancelled.
  virtual std::optional<Answer> respond(std::string_view challenge) = 0;
  /// Why a 235 is not accepted: the server did not prove that it knows the password. Empty: it is.
  [[nodiscard]] virtual std::string doubt() const { return {}; }
  /// Prompts that are not in base64 are accepted: LOGIN, for servers that send them so.
  [[nodiscard]] virtual bool takes_plain_prompts() const { return false; }
  /// The text of a challenge that reported a failure (OAuth); empty: none.
  [[nodiscard]] virtual std::string failure() const { return {}; }
};

/// nullptr for an unknown mechanism. `name` in capitals.
std::unique_ptr<Server> make_server(std::string_view name, const Context& context);
std::unique_ptr<Client> make_client(std::string_view name, const Credentials& credentials,
                                    const Context& context);

/// Known mechanisms, strongest first.
const std::vector<std::string_view>& mechanisms();
/// Whether a client with these credentials can use the mechanism.
bool may_use(std::string_view name, const Credentials& credentials, const Context& context);
/// Whether the mechanism carries an authorization identity (Credentials::authorize_as).
bool can_authorize(std::string_view name);
/// Whether a server can offer the mechanism on this connection.
bool may_offer(std::string_view name, const Context& context);

}  // namespace postroad::sasl
