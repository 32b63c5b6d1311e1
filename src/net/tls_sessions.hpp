// TLS sessions that a client can resume (RFC 8446 section 2.2): without the exchange of keys and
// certificates a handshake costs a fraction. Thread rule: any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace postroad::net {

class TlsSessions final {
 public:
  using Session = std::shared_ptr<ssl_session_st>;
  static constexpr std::size_t most =
      1'000;  ///< then all are forgotten: they cost a handshake each

  /// `key` names the server and all that its certificate was checked by: the certificate is not
  /// checked again. A newer session of the key replaces the older one.
  void add(const std::string& key, Session session);
  /// Each session is used once (RFC 8446 section C.4). Null: there is none.
  Session take(const std::string& key);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Session> sessions_;
};

/// Where the sessions of one connection come from and go to.
struct SessionPlace {
  std::shared_ptr<TlsSessions> sessions{};  ///< null: none are resumed
  std::string key{};
};

/// Prepares a client's context: its connections hand over the sessions that the server offers.
void hand_over_sessions(ssl_ctx_st* context);
/// Before the handshake: resumes a session, and keeps those to come. `place` outlives the
/// connection.
void use_sessions(ssl_st* connection, SessionPlace& place);

}  // namespace postroad::net
