// Failures that are known before MAIL is sent: addresses, and extensions that the message or its
// options need and the server lacks. An option that the server lacks would be dropped silently.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "proto/smtp/client/client_error.hpp"
#include "proto/smtp/client/mail_transaction.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::smtp {

namespace {

class Preflight {
 public:
  Preflight(const MailRequest& request, const Capabilities& capabilities,
            const ClientOptions& options, const proto::TlsFacts* tls)
      : request_(request), capabilities_(capabilities), options_(options), tls_(tls) {}

  std::optional<Error> run() const {
    const auto& envelope = request_.envelope;
    if (envelope.recipients.empty())
      return error(Fault::input, Stage::rcpt, "there is no recipient");
    std::optional<Error> found;
    if (!envelope.reverse_path.is_null()) found = check_address(envelope.reverse_path, Stage::mail);
    for (auto to = envelope.recipients.begin(); !found && to != envelope.recipients.end(); ++to)
      found = check_address(*to, Stage::rcpt);
    if (!found) found = check_message();
    if (!found) found = check_mail_options();
    if (!found) found = check_hold();
    if (!found) found = check_recipient_options();
    return found;
  }

 private:
  [[nodiscard]] Error error(Fault fault, Stage stage, std::string why) const {
    return error_at(options_, fault, stage, std::move(why));
  }
  // With the status code for a report to the sender.
  [[nodiscard]] Error unsupported(Stage stage, std::string_view status, std::string why) const {
    auto made = error(Fault::unsupported, stage, std::move(why));
    made.status = status;
    return made;
  }
  [[nodiscard]] Error lacks(std::string_view keyword, Stage stage) const {
    return error(Fault::unsupported, stage,
                 "the server lacks " + std::string(keyword) + ", which was requested");
  }

  std::optional<Error> check_address(const Mailbox& mailbox, Stage stage) const {
    const auto again = Mailbox::parse(mailbox.text());
    const bool postmaster = mailbox.domain.empty() && iequals(mailbox.local, "postmaster");
    if (!postmaster && (!again || !(*again == mailbox))) {
      return error(Fault::input, stage,
                   "not an address: " + (again ? mailbox.text() : again.error().text()));
    }
    if (mailbox.needs_utf8() && !capabilities_.smtputf8) {
      return unsupported(stage, "5.6.7",  // RFC 6531 section 3.5
                         "the server lacks SMTPUTF8, which this address needs: " + mailbox.text());
    }
    return std::nullopt;
  }

  std::optional<Error> check_message() const {
    const auto needs = [&](std::string_view status, std::string_view what) {
      return unsupported(Stage::mail, status, "the server lacks " + std::string(what));
    };
    const auto& caps = capabilities_;
    if (request_.needs_utf8 && !caps.smtputf8)
      return needs("5.6.7", "SMTPUTF8, which the message's header needs");
    const auto chunks = caps.chunking && options_.chunking != Chunking::never;
    if (request_.is_binary && !(chunks && caps.binary_mime))
      return needs("5.6.3", "CHUNKING and BINARYMIME, which the message needs");
    if (request_.is_8bit && !request_.is_binary && !caps.eight_bit_mime)
      return needs("5.6.3", "8BITMIME, which the message needs");
    if (request_.size && caps.size.value_or(0) > 0 && *request_.size > *caps.size) {
      return unsupported(Stage::mail, "5.3.4",
                         "the message has " + std::to_string(*request_.size) +
                             " bytes and the server accepts " + std::to_string(*caps.size));
    }
    return std::nullopt;
  }

  std::optional<Error> check_mail_options() const {
    const auto& caps = capabilities_;
    const auto& asked = request_.envelope.options;
    if (auto wrong = wrong_with(asked); !wrong.empty())
      return error(Fault::input, Stage::mail, std::move(wrong));
    if (asked.require_tls && !(tls_ != nullptr && tls_->verified && caps.require_tls)) {
      auto refusal =
          error(Fault::tls_required, Stage::mail,
                "REQUIRETLS was requested, and " +
                    std::string(tls_ == nullptr   ? "the connection has no TLS"
                                : !tls_->verified ? "the server's certificate was not verified"
                                                  : "the server does not offer it"));
      refusal.status = "5.7.30";  // RFC 8689 section 4.2.1
      return refusal;
    }
    const bool wants_dsn =
        asked.return_content != MailOptions::Return::unspecified || !asked.envelope_id.empty();
    if (wants_dsn && !caps.dsn) return lacks("DSN", Stage::mail);
    if (asked.deliver_by && !caps.deliver_by) return lacks("DELIVERBY", Stage::mail);
    if (asked.deliver_by && asked.deliver_by->otherwise == DeliverBy::Else::give_up &&
        asked.deliver_by->within < caps.least_deliver_by) {
      return error(Fault::unsupported, Stage::mail,
                   "the server's shortest DELIVERBY time is " +
                       std::to_string(caps.least_deliver_by.count()) + " seconds");
    }
    if (asked.priority && !caps.mt_priority) return lacks("MT-PRIORITY", Stage::mail);
    if (asked.submitter && caps.auth.empty()) return lacks("AUTH", Stage::mail);
    return std::nullopt;
  }

  std::optional<Error> check_hold() const {
    const auto& caps = capabilities_;
    const auto& asked = request_.envelope.options;
    const bool holds = asked.hold_for.count() > 0 || asked.hold_until;
    if (holds && !caps.future_release) return lacks("FUTURERELEASE", Stage::mail);
    const bool too_long =
        (caps.longest_hold.count() > 0 && asked.hold_for > caps.longest_hold) ||
        (caps.latest_hold && asked.hold_until && *asked.hold_until > *caps.latest_hold);
    if (!too_long) return std::nullopt;
    return error(Fault::unsupported, Stage::mail, "the server does not hold messages that long");
  }

  std::optional<Error> check_recipient_options() const {
    for (const auto& recipient : request_.envelope.recipient_options) {
      if (auto wrong = wrong_with(recipient); !wrong.empty())
        return error(Fault::input, Stage::rcpt, std::move(wrong));
      if (!recipient.is_empty() && !capabilities_.dsn) return lacks("DSN", Stage::rcpt);
    }
    return std::nullopt;
  }

  const MailRequest& request_;
  const Capabilities& capabilities_;
  const ClientOptions& options_;
  const proto::TlsFacts* tls_;
};

}  // namespace

std::optional<Error> preflight(const MailRequest& request, const Capabilities& capabilities,
                               const ClientOptions& options, const proto::TlsFacts* tls) {
  return Preflight(request, capabilities, options, tls).run();
}

void drop_unsupported(const Capabilities& capabilities, Envelope& envelope) {
  auto& asked = envelope.options;
  if (!capabilities.dsn) {
    asked.return_content = MailOptions::Return::unspecified;
    asked.envelope_id.clear();
    envelope.recipient_options.clear();
  }
  if (!capabilities.future_release) {
    asked.hold_for = {};
    asked.hold_until.reset();
  }
  if (!capabilities.mt_priority) asked.priority.reset();
  if (capabilities.auth.empty()) asked.submitter.reset();
  if (!capabilities.deliver_by && asked.deliver_by &&
      asked.deliver_by->otherwise == DeliverBy::Else::notify)
    asked.deliver_by.reset();
}

}  // namespace postroad::smtp
