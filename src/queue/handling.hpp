// Requirements for carrying a queued message: its envelope's options as a typed value. On disk the
// options are strings (docs/formats/journal.md), never renamed; they are read and written here
// only.
#pragma once

#include <chrono>
#include <postroad/mail_options.hpp>
#include <string>
#include <string_view>

#include "spool/spool.hpp"

namespace postroad::queue {

struct Handling {
  /// From a catcher: each recipient has a mailbox here, whatever the directory says.
  bool stays_here = false;
  bool body_8bit = false;  ///< BODY=8BITMIME, or BINARYMIME, was declared
  /// undeclared 8-bit bytes: sent with BODY=8BITMIME if the server offers it, else unchanged.
  bool undeclared_8bit = false;
  bool binary = false;  ///< came as BINARYMIME: DATA cannot carry it
  bool smtputf8 = false;
  /// Its header says TLS-Required: No (RFC 8689 section 5): it goes on though a certificate fails.
  bool tls_optional = false;
  std::string tls{};  ///< TLS version by which it came; empty: without TLS
  std::string key{};  ///< idempotency key of an outbox
  /// At which it is given up, if that is earlier than for others; 0: as others.
  std::chrono::milliseconds lifetime{0};
  MailOptions asked{};  ///< parameters of MAIL: RFC 3461, 2852, 4865, 6710, 8689

  [[nodiscard]] int priority() const { return asked.priority.value_or(0); }
  friend bool operator==(const Handling&, const Handling&) = default;
};

/// The names of options that policies add begin with this on disk, so that none of them is taken
/// for one of handling.
constexpr std::string_view policy_option_prefix = "POLICY.";

/// Reads the options of handling. An option that a later version wrote is passed over.
Handling handling_of(const spool::Envelope& envelope);
/// Replaces the options of handling; others stay.
void set_handling(spool::Envelope& envelope, const Handling& handling);
/// Adds an option of a policy, whose name is free.
void add_policy_option(spool::Envelope& envelope, std::string_view name, std::string value);
/// The parameters of RCPT that were kept with a recipient.
RecipientOptions options_of(const spool::Recipient& recipient);

/// When the message's lifetime begins: its arrival, or the end of the hold that was requested
/// (FUTURERELEASE, RFC 4865). Unix milliseconds.
std::int64_t released_at(const Handling& handling, const spool::Envelope& envelope);

/// Time left of DELIVERBY (RFC 2852) at `wall`; zero or negative: it is late. nullopt: not asked.
std::optional<std::chrono::milliseconds> time_left(const Handling& handling,
                                                   const spool::Envelope& envelope,
                                                   std::int64_t wall);

}  // namespace postroad::queue
