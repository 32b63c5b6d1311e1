// SASL mechanisms as machines without I/O (RFC 4422). Text in and out is plain octets: base64 and
// the AUTH command belong to SMTP. A mechanism is a class here and a row in mechanism.cpp; PLAIN
// (RFC 4616) and LOGIN are the first.
#pragma once

#include <memory>
#include <optional>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::sasl {

/// What a client proves. Whether it is right is for the user's file to say, off the loop.
struct Credentials {
  std::string user;
  std::string authorize_as;  ///< empty: the user itself
  Secret password;
};

/// The server's end of one exchange.
class Server {
 public:
  virtual ~Server() = default;
  struct Step {
    std::optional<std::string> challenge;    ///< send this and wait for the answer
    std::optional<Credentials> credentials;  ///< the exchange is over: check these
    std::string error;                       ///< the exchange is over: 501 with these words
  };
  /// `response` is nullopt only for an exchange begun without an initial response.
  virtual Step step(std::optional<std::string_view> response) = 0;
};

/// The client's end of one exchange.
class Client {
 public:
  virtual ~Client() = default;
  struct Step {
    std::string response;
    std::string stage;  ///< how an error names this step: "AUTH LOGIN", "USERNAME", "PASSWORD"
    bool secret = true;
  };
  /// The initial response, nullopt where the mechanism has none.
  virtual std::optional<Step> initial() = 0;
  /// The answer to a challenge; nullopt when the mechanism expects no further one (the exchange is
  /// then cancelled).
  virtual std::optional<Step> respond(std::string_view challenge) = 0;
};

/// nullptr for a mechanism that is not known. `name` in capitals.
std::unique_ptr<Server> make_server(std::string_view name);
std::unique_ptr<Client> make_client(std::string_view name, const Credentials& credentials);
/// Known mechanisms, strongest first.
const std::vector<std::string_view>& mechanisms();

}  // namespace postroad::sasl
