// A tunnel through a proxy to a server: SOCKS5 (RFC 1928, with user and password of RFC 1929) or
// HTTP CONNECT (RFC 9110 section 9.3.6), as a machine in the form of proto/action.hpp. The proxy
// resolves names. Once it is done, `rest()` holds what the server has sent already.
//
// Limits: an HTTP reply of 8 KiB, one exchange of each kind.
#pragma once

#include <cstdint>
#include <optional>
#include <postroad/error.hpp>
#include <postroad/secret.hpp>
#include <string>
#include <string_view>

#include "proto/action.hpp"

namespace postroad::proxy {

enum class Kind : std::uint8_t { socks5, http };

struct TunnelOptions {
  Kind kind = Kind::socks5;
  std::string proxy;  ///< its name in errors: "proxy.example:1080"
  std::string host;   ///< of the server
  std::uint16_t port = 0;
  std::string user;  ///< empty: no authentication
  Secret password;
};

class TunnelMachine final {
 public:
  explicit TunnelMachine(TunnelOptions options);
  [[nodiscard]] proto::Action next(proto::Time now);
  void received(std::string_view bytes);
  void closed();
  void sent(std::size_t count);
  void tls_up(const proto::TlsFacts&) {}
  void failed(const Error& error);
  [[nodiscard]] bool needs_input() const { return false; }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const std::string& rest() const { return input_; }

 private:
  enum class State : std::uint8_t { method, login, request, http, done };
  void take();
  void take_method();
  void take_login();
  void take_request();
  void take_http();
  void put_request();
  void give_up(std::string why);

  TunnelOptions options_;
  State state_;
  std::string out_;
  std::size_t out_sent_ = 0;
  bool secret_ = false;
  std::string input_;
  std::optional<Error> error_;
};

}  // namespace postroad::proxy
