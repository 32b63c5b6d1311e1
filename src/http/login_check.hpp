// Asks the operator's authentication backend about a login: a command or an HTTP service. Each
// check costs a process or a request. Not here: how many run at once (login_turns.hpp).
//
// The question is one JSON object, on the command's standard input or as the body of a POST:
//   {"user":"…","password":"…","client":"[192.0.2.1]:4711"}     a token in place of a password:
//   {"user":"…","token":"…","client":"…"}
// The command answers by its exit code: 0 right, 1 wrong, anything else: not now. The service by
// its status: 2yz right, 401 and 403 wrong, anything else: not now.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <postroad/error.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls.hpp"
#include "proto/action.hpp"
#include "proto/sasl/mechanism.hpp"

namespace postroad::http {

/// The result of a check.
enum class LoginVerdict : std::uint8_t {
  right,
  wrong,
  not_now,  ///< the backend was not reachable, or gave no verdict
};

struct LoginAnswer {
  LoginVerdict verdict = LoginVerdict::not_now;
  std::string reason{};  ///< of not_now, for the log
};

struct LoginCheckSettings {
  std::vector<std::string> command;  ///< the program and its arguments; no shell is involved
  std::string url;                   ///< http:// or https://; empty: the command is asked
  std::chrono::milliseconds timeout{5'000};  ///< from AUTH to the answer, waiting included
  /// The first error that can be seen before a login is checked: Fault::input.
  [[nodiscard]] std::optional<Error> invalid_reason() const;
  /// Whether the check needs a TLS context (https).
  [[nodiscard]] bool needs_tls() const;
  [[nodiscard]] bool is_set() const { return !command.empty() || !url.empty(); }
};

/// The reason of a login whose turn (login_turns.hpp) did not come.
inline constexpr std::string_view no_turn =
    "the turn of the login did not come before the deadline";

class LoginCheck final {
 public:
  using Time = proto::Time;

  /// `tls` is what LoginCheckSettings::needs_tls asks for. It is made in advance: a check must not
  /// read files on a session's thread.
  explicit LoginCheck(LoginCheckSettings settings, std::optional<net::TlsContext> tls = {})
      : settings_(std::move(settings)), tls_(std::move(tls)) {}
  /// When a login that is asked about at `now` must be answered.
  [[nodiscard]] Time deadline(Time now) const { return now + settings_.timeout; }
  /// `client` is the client's address, "[192.0.2.1]:4711". After the deadline: not_now, and the
  /// backend is not asked. The arguments and this object are used only until it returns; the
  /// coroutine runs on the thread of the io_context that it is started on, and does not block it.
  [[nodiscard]] boost::asio::awaitable<LoginAnswer> check(const sasl::Credentials& credentials,
                                                          std::string_view client,
                                                          Time deadline) const;

 private:
  LoginCheckSettings settings_;
  std::optional<net::TlsContext> tls_;
};

}  // namespace postroad::http
