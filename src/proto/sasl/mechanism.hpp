// SASL mechanisms as machines without I/O (RFC 4422). Text in and out is plain octets: base64 and
// the AUTH command belong to SMTP. A mechanism is a class in one of the files beside this and a row
// in mechanism.cpp: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), SCRAM (RFC 5802, 7677) with
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

/// Octets that both ends of one TLS connection know and nobody between them. Empty: not to be had.
struct ChannelBinding {
  std::string exporter;   ///< tls-exporter (RFC 9266)
  std::string end_point;  ///< tls-server-end-point (RFC 5929 §4)
  [[nodiscard]] bool is_there() const { return !exporter.empty() || !end_point.empty(); }
  friend bool operator==(const ChannelBinding&, const ChannelBinding&) = default;
};

/// What a client proves. On the server, whether it is right is for the users' file to say, off the
/// loop, unless the mechanism has proven it.
struct Credentials {
  std::string user{};
  std::string authorize_as{};  ///< empty: the user itself
  Secret password{};
  Secret token{};                ///< OAuth: a bearer token in place of the password
  bool certificate = false;      ///< client: TLS showed a certificate, EXTERNAL may be used
  std::optional<bool> proven{};  ///< server: the mechanism checked it by the user's keys
};

/// What a mechanism knows of the connection.
struct Context {
  ChannelBinding binding;
  bool binding_is_offered = false;  ///< the server offers a -PLUS of this mechanism
  std::string host;                 ///< client: whom it talks to, for OAUTHBEARER
  std::uint16_t port = 0;
  std::string peer_name;  ///< server: whom the client's certificate names
  std::string nonce;      ///< fixed by tests; empty: from the system's generator
};

/// The server's end of one exchange.
class Server {
 public:
  virtual ~Server() = default;
  /// What must happen next.
  struct Move {
    std::optional<std::string> challenge;      ///< send this and wait for the answer
    std::optional<std::string> wants_keys_of;  ///< look them up and call `take_keys`
    std::optional<Credentials> credentials;    ///< the exchange is over but for these: check them
    std::optional<std::string> on_success;     ///< said before 235, and the answer is awaited
    std::optional<std::string> on_failure;     ///< said before 535, likewise
    std::string error;                         ///< the exchange is over: 501 with these words
  };
  /// `response` is nullopt only for an exchange begun without an initial response.
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
  /// The answer to a challenge; nullopt when the mechanism expects no further one or does not
  /// believe it (the exchange is then cancelled).
  virtual std::optional<Answer> respond(std::string_view challenge) = 0;
  /// Why a 235 is not believed: the server has not proven that it knows the password. Empty: it is.
  [[nodiscard]] virtual std::string doubt() const { return {}; }
  /// Servers that forget the base64 of their prompt are understood all the same: LOGIN.
  [[nodiscard]] virtual bool takes_plain_prompts() const { return false; }
  /// The words of a challenge that told of a failure (OAuth); empty: none.
  [[nodiscard]] virtual std::string failure() const { return {}; }
};

/// nullptr for a mechanism that is not known. `name` in capitals.
std::unique_ptr<Server> make_server(std::string_view name, const Context& context);
std::unique_ptr<Client> make_client(std::string_view name, const Credentials& credentials,
                                    const Context& context);

/// Known mechanisms, strongest first.
const std::vector<std::string_view>& mechanisms();
/// Whether a client with these can use it: it has a password, a token or a certificate for it.
bool may_use(std::string_view name, const Credentials& credentials, const Context& context);
/// Whether a server can offer it on this connection.
bool may_offer(std::string_view name, const Context& context);

}  // namespace postroad::sasl
