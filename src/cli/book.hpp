// All that a reload replaces, read and checked whole before any of it is used: settings, users,
// aliases, rules, certificates, limits. Sessions and batches that are under way keep the old book.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "cli/settings.hpp"
#include "relay/delivery.hpp"
#include "relay/rules.hpp"
#include "server/users.hpp"
#include "web/login_check.hpp"

namespace postroad::cli {

struct Book {
  Settings settings;
  std::optional<server::Users> users;
  std::optional<web::LoginCheck> outside;  // the rules refer to it
  std::optional<relay::Directory> directory;
  std::optional<relay::Senders> senders;
  std::deque<relay::Rules> rules;                   // one a listener; refer to the above
  std::vector<std::optional<net::TlsContext>> tls;  // likewise
  std::vector<std::vector<net::Network>> proxies;   // likewise: who sends a PROXY header
  std::vector<std::vector<net::Network>> speakers;  // likewise: who may use XCLIENT
  server::GuardSettings guard;

  /// Error: Fault::input, Fault::tls, Fault::io: the first thing that is wrong.
  static Result<std::shared_ptr<Book>> make(Settings settings);
  /// What each listener is to be; they keep the book alive.
  static std::vector<server::ListenerSettings> listeners(const std::shared_ptr<Book>& book);
  static std::shared_ptr<const relay::Directory> directory_of(const std::shared_ptr<Book>& book) {
    return {book, &*book->directory};
  }
  [[nodiscard]] relay::DeliverySettings delivery() const;
};

}  // namespace postroad::cli
