// Intake; see intake.hpp.
#include "relay/intake.hpp"

#include <chrono>
#include <unordered_set>

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/field_watch.hpp"
#include "mail/header/hops.hpp"
#include "mail/header/missing_fields.hpp"
#include "mail/header/received.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t most_parameters = 32;
constexpr std::size_t most_hops = 100;  // RFC 5321 §6.3 wants this many at least

Reply not_now(const Error& error) {
  if (error.fault == Fault::full) return {452, {4, 3, 1}, "no room on the disk, try again later"};
  return {451, {4, 3, 0}, "the message cannot be kept now, try again later"};
}

bool has_8bit(std::string_view octets) {
  unsigned char all = 0;
  for (const char c : octets) all |= static_cast<unsigned char>(c);
  return all >= 0x80;
}

class SpooledMessage final : public server::MessageSink {
 public:
  SpooledMessage(std::unique_ptr<spool::Incoming> incoming, spool::Envelope envelope,
                 smtp::Body body)
      : incoming_(std::move(incoming)),
        envelope_(std::move(envelope)),
        said_8bit_(body != smtp::Body::seven_bit) {
    if (body == smtp::Body::binary_mime) envelope_.options.emplace_back(is_binary, "");
  }
  void add(mail::MissingFields fields) { fields_.emplace(std::move(fields)); }
  [[nodiscard]] std::string id() const override { return incoming_->id().text(); }
  Result<void> append(std::string_view octets) override {
    hops_.take(octets);
    tls_required_.take(octets);
    if (!said_8bit_ && !is_8bit_) is_8bit_ = has_8bit(octets);
    if (!fields_) return incoming_->append(octets);
    std::string passed;
    fields_->take(octets, passed);
    if (fields_->is_done()) fields_.reset();
    return incoming_->append(passed);
  }
  [[nodiscard]] bool ready() const override { return incoming_->ready(); }
  void when_ready(std::function<void()> resume) override {
    incoming_->when_ready(std::move(resume));
  }
  void commit(std::function<void(Reply)> done) override {
    if (hops_.count() > most_hops)
      return done({554, {5, 4, 6}, "this mail goes round: it has passed more than 100 servers"});
    if (fields_) {
      std::string rest;
      fields_->finish(rest);
      (void)incoming_->append(rest);  // a failure shows at the commit
    }
    // RFC 8689 §4.1: the parameter has the last word, and an ENVID of the same letters has none.
    if (iequals(tls_required_.value(), "No") && !options_of(envelope_).require_tls)
      envelope_.options.emplace_back(tls_is_optional, "");
    if (said_8bit_) envelope_.options.emplace_back("BODY", "8BITMIME");
    if (is_8bit_) envelope_.options.emplace_back(is_8bit_unsaid, "");
    incoming_->commit(std::move(envelope_), [id = incoming_->id(),
                                             done = std::move(done)](const Result<void>& kept) {
      done(kept ? Reply{250, {2, 0, 0}, "Ok: queued as " + id.text()} : not_now(kept.error()));
    });
  }

 private:
  std::unique_ptr<spool::Incoming> incoming_;
  spool::Envelope envelope_;
  std::optional<mail::MissingFields> fields_;
  mail::HopCounter hops_;
  mail::FieldWatch tls_required_{"tls-required:"};
  bool said_8bit_;
  bool is_8bit_ = false;
};

// Where each recipient's mail ends, once for all that lead there. Whom the directory does not know,
// because it changed after RCPT or keeps every mail, is an end.
std::vector<spool::Recipient> ends_of(const smtp::Transaction& transaction,
                                      const Directory& directory) {
  const auto& recipients = transaction.recipients;
  const auto& asked = transaction.asked_of_recipients();
  std::vector<spool::Recipient> found;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const auto& recipient = recipients[i];
    auto ends = directory.resolve(recipient);
    if (ends.empty()) ends.push_back(recipient);
    for (const auto& end : ends) {
      auto text = end.text();
      const bool is_one = recipients.size() == 1 && ends.size() == 1;
      if (!is_one && !seen.insert(directory.is_local(end) ? lower(text) : text).second) continue;
      auto& added = found.emplace_back();
      added.address = std::move(text);
      if (!(end == recipient)) added.original = recipient.text();
      if (i < asked.size()) smtp::append_parameters(asked[i], true, added.parameters);
    }
  }
  return found;
}

// What must be honoured from here on travels with the mail; a mail that is held has its first
// attempt at its time.
void keep_options(MailOptions asked, spool::Envelope& envelope) {
  // A stranger's mail is not more urgent than another's (RFC 6710 §5).
  if (envelope.login.empty() && asked.priority.value_or(0) > 0) asked.priority = 0;
  // Only a login is trusted to say who submitted it, and in the sender's name, which was checked
  // (RFC 4954 §5).
  const bool is_own = !envelope.login.empty() && asked.submitter == envelope.reverse_path;
  if (asked.submitter && !is_own) asked.submitter = "<>";
  std::string words;
  smtp::append_parameters(asked, words);
  if (!words.empty()) envelope.options.emplace_back(mail_parameters, words);
  std::int64_t release = 0;
  if (asked.hold_for.count() > 0)
    release = envelope.arrived + std::chrono::milliseconds(asked.hold_for).count();
  if (asked.hold_until)
    release = std::chrono::milliseconds(asked.hold_until->time_since_epoch()).count();
  if (release <= envelope.arrived) return;
  for (auto& recipient : envelope.recipients) recipient.next_attempt = release;
}

spool::Envelope envelope_of(const server::SessionFacts& facts, const smtp::Transaction& transaction,
                            const Directory& directory) {
  spool::Envelope envelope;
  envelope.reverse_path = transaction.reverse_path.text();
  envelope.recipients = ends_of(transaction, directory);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  envelope.arrived = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  envelope.client = facts.peer;
  envelope.helo = facts.machine->helo();
  envelope.login = facts.machine->login();
  envelope.protocol = facts.protocol();
  if (transaction.options) keep_options(*transaction.options, envelope);
  if (const auto& tls = facts.machine->tls()) envelope.options.emplace_back("TLS", tls->version);
  if (facts.role == server::Role::catcher) envelope.options.emplace_back(kept_here, "");
  if (transaction.smtputf8) envelope.options.emplace_back("SMTPUTF8", "");
  return envelope;
}

}  // namespace

MailOptions options_of(const spool::Envelope& envelope) {
  MailOptions options;
  for (const auto& [name, words] : envelope.options) {
    if (name != mail_parameters) continue;
    const auto parameters = smtp::parse_parameters(words, most_parameters);
    if (!parameters) continue;
    for (const auto& parameter : *parameters)
      (void)smtp::take_parameter(parameter, smtp::Offered::all(), options);
  }
  return options;
}

RecipientOptions options_of(const spool::Recipient& recipient) {
  RecipientOptions options;
  if (recipient.parameters.empty()) return options;
  const auto parameters = smtp::parse_parameters(recipient.parameters, most_parameters);
  if (!parameters) return options;
  for (const auto& parameter : *parameters)
    (void)smtp::take_parameter(parameter, smtp::Offered::all(), options);
  return options;
}

void Intake::change(std::shared_ptr<const Directory> directory) {
  const std::lock_guard lock(mutex_);
  directory_ = std::move(directory);
}

std::shared_ptr<const Directory> Intake::directory() {
  const std::lock_guard lock(mutex_);
  return directory_;
}

Reply Intake::room(std::uint64_t octets) {
  const auto room = spool_.room(octets);
  return room ? Reply{} : not_now(room.error());
}

server::Store::Opened Intake::open(const server::SessionFacts& facts,
                                   const smtp::Transaction& transaction) {
  auto incoming = spool_.begin();
  if (!incoming) return {nullptr, not_now(incoming.error())};
  auto envelope = envelope_of(facts, transaction, *directory());
  mail::ReceivedInfo trace;
  trace.helo = envelope.helo;
  trace.client = facts.peer.substr(0, facts.peer.rfind(':'));
  trace.by = std::string(facts.host);
  trace.protocol = envelope.protocol;
  if (const auto& tls = facts.machine->tls()) trace.tls = tls->version + ' ' + tls->cipher;
  trace.id = (*incoming)->id().text();
  if (transaction.recipients.size() == 1) trace.recipient = transaction.recipients.front();
  trace.time = std::chrono::system_clock::now();
  const auto kept = (*incoming)->append(mail::format_received(trace));
  if (!kept) return {nullptr, not_now(kept.error())};
  auto sink =
      std::make_unique<SpooledMessage>(std::move(*incoming), std::move(envelope), transaction.body);
  if (facts.role == server::Role::submission) {
    sink->add({"Date: " + mail::format_date(trace.time) + "\r\n",
               "Message-ID: <" + trace.id + '@' + trace.by + ">\r\n"});
  }
  return {std::move(sink), {}};
}

}  // namespace postroad::relay
