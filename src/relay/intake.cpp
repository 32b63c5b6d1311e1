// Intake; see intake.hpp.
#include "relay/intake.hpp"

#include <chrono>

#include "mail/received.hpp"

namespace postroad::relay {

namespace {

Reply not_now(const Error& error) {
  if (error.fault == Fault::full) return {452, {4, 3, 1}, "no room on the disk, try again later"};
  return {451, {4, 3, 0}, "the message cannot be kept now, try again later"};
}

class SpooledMessage final : public server::MessageSink {
 public:
  SpooledMessage(std::unique_ptr<spool::Incoming> incoming, spool::Envelope envelope)
      : incoming_(std::move(incoming)), envelope_(std::move(envelope)) {}
  Result<void> append(std::string_view octets) override { return incoming_->append(octets); }
  [[nodiscard]] bool ready() const override { return incoming_->ready(); }
  void when_ready(std::function<void()> resume) override {
    incoming_->when_ready(std::move(resume));
  }
  void commit(std::function<void(Reply)> done) override {
    incoming_->commit(std::move(envelope_), [id = incoming_->id(),
                                             done = std::move(done)](const Result<void>& kept) {
      done(kept ? Reply{250, {2, 0, 0}, "Ok: queued as " + id.text()} : not_now(kept.error()));
    });
  }

 private:
  std::unique_ptr<spool::Incoming> incoming_;
  spool::Envelope envelope_;
};

spool::Envelope envelope_of(const server::SessionFacts& facts,
                            const smtp::Transaction& transaction) {
  spool::Envelope envelope;
  envelope.reverse_path = transaction.reverse_path.text();
  for (const auto& recipient : transaction.recipients) {
    envelope.recipients.emplace_back();
    envelope.recipients.back().address = recipient.text();
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  envelope.arrived = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  envelope.client = facts.peer;
  envelope.helo = facts.machine->helo();
  envelope.login = facts.machine->login();
  envelope.protocol = facts.protocol();
  if (transaction.body == smtp::Body::eight_bit_mime)
    envelope.options.emplace_back("BODY", "8BITMIME");
  if (facts.role == server::Role::catch_all) envelope.options.emplace_back(kept_here, "");
  if (transaction.smtputf8) envelope.options.emplace_back("SMTPUTF8", "");
  return envelope;
}

}  // namespace

server::Store::Opened Intake::open(const server::SessionFacts& facts,
                                   const smtp::Transaction& transaction) {
  auto incoming = spool_.begin();
  if (!incoming) return {nullptr, not_now(incoming.error())};
  auto envelope = envelope_of(facts, transaction);
  mail::Trace trace;
  trace.helo = envelope.helo;
  trace.client = facts.peer.substr(0, facts.peer.rfind(':'));
  trace.by = facts.host;
  trace.protocol = envelope.protocol;
  if (const auto& tls = facts.machine->tls()) trace.tls = tls->version + ' ' + tls->cipher;
  trace.id = (*incoming)->id().text();
  if (transaction.recipients.size() == 1) trace.recipient = transaction.recipients.front();
  trace.time = std::chrono::system_clock::now();
  const auto kept = (*incoming)->append(mail::format_received(trace));
  if (!kept) return {nullptr, not_now(kept.error())};
  return {std::make_unique<SpooledMessage>(std::move(*incoming), std::move(envelope)), {}};
}

}  // namespace postroad::relay
