// From a session into the spool: the server's MessageSink over the spool's Incoming. It writes the
// Received field in front and, at submission, Date and Message-ID where they are missing. Aliases
// are followed here, so that each whom a mail goes to is a recipient of the envelope, once, with an
// outcome of its own.
#pragma once

#include <memory>
#include <mutex>

#include "relay/local/directory.hpp"
#include "server/hooks.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

/// Name of the envelope's option that a message of a catch-all listener carries: whatever the
/// directory says of its recipients, each has a mailbox here.
constexpr std::string_view kept_here = "KEPT-HERE";
/// And of one with 8-bit octets that the client did not announce: a server that knows 8BITMIME is
/// told, another gets the octets as they came, as this one did.
constexpr std::string_view is_8bit_unsaid = "8BIT-UNSAID";

/// Name of the option that holds what MAIL asked for beyond delivery, in MAIL's own words: "
/// RET=HDRS MT-PRIORITY=3". RFC 3461, 2852, 4865, 6710, 8689.
constexpr std::string_view mail_parameters = "MAIL";
/// And of one that came as BINARYMIME: DATA cannot carry it.
constexpr std::string_view is_binary = "BINARY";

/// And of one whose header says TLS-Required: No (RFC 8689 §5), without REQUIRETLS: it goes on
/// though a certificate fails.
constexpr std::string_view tls_is_optional = "TLS-OPTIONAL";

/// What MAIL asked, read again; nothing where a later version wrote what this one does not know.
MailOptions options_of(const spool::Envelope& envelope);
RecipientOptions options_of(const spool::Recipient& recipient);

class Intake final : public server::Store {
 public:
  Intake(spool::Spool& spool, std::shared_ptr<const Directory> directory)
      : spool_(spool), directory_(std::move(directory)) {}
  /// Another in its place, from the next message on. Any thread.
  void change(std::shared_ptr<const Directory> directory);
  Opened open(const server::SessionFacts& facts, const smtp::Transaction& transaction) override;
  Reply room(std::uint64_t octets) override;

 private:
  std::shared_ptr<const Directory> directory();

  spool::Spool& spool_;
  std::mutex mutex_;
  std::shared_ptr<const Directory> directory_;
};

}  // namespace postroad::relay
