// The URL of a server: smtp://user:password@host:port?tls=required, smtps://….
#pragma once

#include <postroad/client.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>

#include "proto/proxy/tunnel.hpp"

namespace postroad::client {

struct Url {
  std::string host;  ///< a name or an address, without brackets
  std::uint16_t port = 0;
  bool names_port = false;  ///< otherwise `port` is the default
  std::string user;
  Secret password;
  Tls tls = Tls::automatic;
  bool insecure_allow_legacy_tls = false;
  bool lmtp = false;  ///< lmtp://
  /// "host:port", brackets around an IPv6 address.
  [[nodiscard]] std::string server() const;
};

/// The proxy of ClientOptions::proxy.
struct ProxyUrl {
  proxy::Kind kind = proxy::Kind::socks5;
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  Secret password;
  [[nodiscard]] std::string server() const;
};
Result<ProxyUrl> parse_proxy(std::string_view text);

/// `host` and `host:port` alone count as smtp://. Error: Fault::input; its text never contains the
/// password.
Result<Url> parse_url(std::string_view text);

}  // namespace postroad::client
