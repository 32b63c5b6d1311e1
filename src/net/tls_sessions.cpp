// See tls_sessions.hpp.
#include "net/tls_sessions.hpp"

#include <openssl/ssl.h>

#include <utility>

namespace postroad::net {

namespace {

int place_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// 1: the reference is ours now.
int keep(SSL* connection, SSL_SESSION* session) {
  const auto* place = static_cast<SessionPlace*>(SSL_get_ex_data(connection, place_index()));
  if (place == nullptr || !place->sessions || SSL_SESSION_is_resumable(session) != 1) return 0;
  try {
    place->sessions->add(place->key, TlsSessions::Session(session, SSL_SESSION_free));
    return 1;
  } catch (...) {  // no memory: the shared_ptr has freed it
    return 1;
  }
}

}  // namespace

void TlsSessions::add(const std::string& key, Session session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= most && !sessions_.contains(key)) sessions_.clear();
  sessions_[key] = std::move(session);
}

TlsSessions::Session TlsSessions::take(const std::string& key) {
  const std::lock_guard lock(mutex_);
  auto found = sessions_.extract(key);
  return found ? std::move(found.mapped()) : nullptr;
}

void hand_over_sessions(ssl_ctx_st* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep);
}

void use_sessions(ssl_st* connection, SessionPlace& place) {
  if (!place.sessions || SSL_set_ex_data(connection, place_index(), &place) != 1) return;
  if (const auto session = place.sessions->take(place.key))
    (void)SSL_set_session(connection, session.get());
}

}  // namespace postroad::net
