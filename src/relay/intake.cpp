// Intake; see intake.hpp.
#include "relay/intake.hpp"

#include <chrono>
#include <optional>
#include <unordered_set>

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/field_watch.hpp"
#include "mail/header/header_completion.hpp"
#include "mail/header/hops.hpp"
#include "mail/header/received.hpp"
#include "mailauth/dkim/signing.hpp"
#include "proto/smtp/mail_parameters.hpp"
#include "queue/handling.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t most_hops = 100;  // RFC 5321 §6.3 requires at least this many

Reply not_now(const Error& error) {
  if (error.fault == Fault::full)
    return {452, {4, 3, 1}, "insufficient system storage, try again later"};
  return {451, {4, 3, 0}, "the message could not be stored, try again later"};
}

bool has_8bit(std::string_view bytes) {
  unsigned char all = 0;
  for (const char c : bytes) all |= static_cast<unsigned char>(c);
  return all >= 0x80;
}

class SpooledMessage final : public server::MessageSink {
 public:
  SpooledMessage(std::unique_ptr<spool::Incoming> incoming, spool::Envelope envelope,
                 queue::Handling handling)
      : incoming_(std::move(incoming)),
        envelope_(std::move(envelope)),
        handling_(std::move(handling)) {}
  void add(mail::HeaderCompletion header) { header_ = std::move(header); }
  void sign_with(std::shared_ptr<const DkimKeys> keys) {
    keys_ = std::move(keys);
    if (keys_) signing_.emplace(false, true);
  }
  [[nodiscard]] std::string id() const override { return incoming_->id().text(); }
  Result<void> append(std::string_view bytes) override {
    if (!handling_.body_8bit && !handling_.undeclared_8bit)
      handling_.undeclared_8bit = has_8bit(bytes);
    if (!header_.is_done()) return append_header(header_.take(bytes));
    if (signing_) signing_->take(bytes);
    return incoming_->append(bytes);
  }
  [[nodiscard]] bool ready() const override { return incoming_->ready(); }
  void when_ready(std::function<void()> resume) override {
    incoming_->when_ready(std::move(resume));
  }
  void commit(server::Additions additions, std::function<void(Reply)> done) override {
    (void)append_header(header_.finish());  // a failure shows at the commit
    if (hops_.count() > most_hops)
      return done({554, {5, 4, 6}, "too many hops (more than 100 Received fields): mail loop"});
    // RFC 8689 §4.1: the parameter decides; an ENVID with the same letters does not count.
    if (iequals(tls_required_.value(), "No") && !handling_.asked.require_tls)
      handling_.tls_optional = true;
    if (!handling_.body_8bit && has_8bit(additions.header)) handling_.undeclared_8bit = true;
    queue::set_handling(envelope_, handling_);
    for (auto& [name, value] : additions.options)
      queue::add_policy_option(envelope_, name, std::move(value));
    // A message that cannot be signed goes on without a signature.
    if (signing_ && signing_->end())
      if (const auto fields = keys_->sign(*signing_, envelope_.reverse_path); !fields.empty())
        incoming_->prepend(fields);
    if (!additions.header.empty()) incoming_->prepend(additions.header);
    incoming_->commit(std::move(envelope_), [id = incoming_->id(),
                                             done = std::move(done)](const Result<void>& kept) {
      done(kept ? Reply{250, {2, 0, 0}, "Ok: queued as " + id.text()} : not_now(kept.error()));
    });
  }

 private:
  Result<void> append_header(const mail::HeaderCompletion::Pieces& pieces) {
    for (const auto piece : pieces) {
      if (piece.empty()) continue;
      hops_.take(piece);
      tls_required_.take(piece);
      if (signing_) signing_->take(piece);
      if (auto kept = incoming_->append(piece); !kept) return kept;
    }
    return {};
  }

  std::unique_ptr<spool::Incoming> incoming_;
  spool::Envelope envelope_;
  mail::HeaderCompletion header_;
  mail::HopCounter hops_;
  mail::FieldWatch tls_required_{"tls-required:"};
  queue::Handling handling_;
  std::shared_ptr<const DkimKeys> keys_;
  std::optional<dkim::Signing> signing_;
};

// The final recipients, aliases expanded, each once. A recipient that the directory does not know,
// because it changed after RCPT or because this is a catcher, is its own final recipient.
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

// The parameters that later hops must honour are kept with the message. The first attempt for a
// message that is held (RFC 4865) is due when its hold ends.
MailOptions keep_options(MailOptions asked, spool::Envelope& envelope) {
  // Only a login may raise the priority (RFC 6710 §5).
  if (envelope.login.empty() && asked.priority.value_or(0) > 0) asked.priority = 0;
  // AUTH= is trusted only from a login, and only for the sender, which was checked (RFC 4954 §5).
  const bool is_own = !envelope.login.empty() && asked.submitter == envelope.reverse_path;
  if (asked.submitter && !is_own) asked.submitter = "<>";
  std::int64_t release = 0;
  if (asked.hold_for.count() > 0)
    release = envelope.arrived + std::chrono::milliseconds(asked.hold_for).count();
  if (asked.hold_until)
    release = std::chrono::milliseconds(asked.hold_until->time_since_epoch()).count();
  if (release > envelope.arrived) {
    for (auto& recipient : envelope.recipients) recipient.next_attempt = release;
  }
  return asked;
}

spool::Envelope envelope_of(const server::SessionInfo& info, const smtp::Transaction& transaction,
                            const Directory& directory) {
  spool::Envelope envelope;
  envelope.reverse_path = transaction.reverse_path.text();
  envelope.recipients = ends_of(transaction, directory);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  envelope.arrived = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  envelope.client = info.client;
  envelope.helo = info.helo;
  envelope.login = info.login;
  envelope.protocol = info.protocol;
  return envelope;
}

queue::Handling handling_of(const server::SessionInfo& info, const smtp::Transaction& transaction,
                            spool::Envelope& envelope) {
  queue::Handling handling;
  if (transaction.options) handling.asked = keep_options(*transaction.options, envelope);
  if (info.tls.is_up()) handling.tls = info.tls.version;
  handling.stays_here = info.role == server::Role::catcher;
  handling.smtputf8 = transaction.smtputf8;
  handling.body_8bit = transaction.body != smtp::Body::seven_bit;
  handling.binary = transaction.body == smtp::Body::binary_mime;
  return handling;
}

}  // namespace

void Intake::change(std::shared_ptr<const Directory> directory,
                    std::shared_ptr<const DkimKeys> keys) {
  const std::lock_guard lock(mutex_);
  directory_ = std::move(directory);
  keys_ = std::move(keys);
}

// The keys for a session of a user. A message from another server is not signed.
std::shared_ptr<const DkimKeys> Intake::keys_for(const server::SessionInfo& info) {
  const bool is_user = info.role == server::Role::submission || !info.login.empty();
  if (!is_user || info.role == server::Role::catcher) return nullptr;
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::shared_ptr<const Directory> Intake::directory() {
  const std::lock_guard lock(mutex_);
  return directory_;
}

Reply Intake::room(std::uint64_t bytes) {
  const auto room = spool_.room(bytes);
  return room ? Reply{} : not_now(room.error());
}

server::Store::Opened Intake::open(const server::SessionInfo& info,
                                   const smtp::Transaction& transaction) {
  auto incoming = spool_.begin();
  if (!incoming) return {nullptr, not_now(incoming.error())};
  auto envelope = envelope_of(info, transaction, *directory());
  mail::ReceivedInfo trace;
  trace.helo = envelope.helo;
  trace.client = info.client.substr(0, info.client.rfind(':'));
  trace.by = std::string(info.host);
  trace.protocol = envelope.protocol;
  if (info.tls.is_up()) (trace.tls = info.tls.version) += std::string(" ") += info.tls.cipher;
  trace.id = (*incoming)->id().text();
  if (transaction.recipients.size() == 1) trace.recipient = transaction.recipients.front();
  trace.time = std::chrono::system_clock::now();
  const auto kept = (*incoming)->append(mail::format_received(trace));
  if (!kept) return {nullptr, not_now(kept.error())};
  auto handling = handling_of(info, transaction, envelope);
  auto sink = std::make_unique<SpooledMessage>(std::move(*incoming), std::move(envelope),
                                               std::move(handling));
  if (info.role == server::Role::submission) {
    sink->add({"Date: " + mail::format_date(trace.time) + "\r\n",
               "Message-ID: <" + trace.id + '@' + trace.by + ">\r\n"});
  }
  sink->sign_with(keys_for(info));
  return {std::move(sink), {}};
}

}  // namespace postroad::relay
