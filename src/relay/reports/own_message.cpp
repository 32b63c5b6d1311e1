// See own_message.hpp.
#include "relay/reports/own_message.hpp"

#include <future>

#include "mail/header/received.hpp"
#include "queue/schedule.hpp"

namespace postroad::relay {

namespace {

Result<void> append(spool::Incoming& incoming, MessageSource& source) {
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) return {};
    if (const auto kept = incoming.append(*chunk); !kept) return kept;
    if (incoming.ready()) continue;
    std::promise<void> ready;
    incoming.when_ready([&] { ready.set_value(); });
    ready.get_future().wait();
  }
}

}  // namespace

Result<spool::Envelope> write_own_message(spool::Incoming& incoming, const Message& message,
                                          const std::string& host,
                                          std::vector<spool::Recipient> recipients,
                                          queue::Handling handling) {
  auto source = message.source({.host = host});
  if (!source) return source.error();
  (*source)->offered({});
  mail::ReceivedInfo trace;
  trace.by = host;
  trace.id = incoming.id().text();
  trace.time = std::chrono::system_clock::now();
  auto kept = incoming.append(mail::format_received(trace));
  if (kept) kept = append(incoming, **source);
  if (!kept) return kept.error();
  spool::Envelope envelope;
  envelope.recipients = std::move(recipients);
  envelope.arrived = queue::now_ms();
  handling.smtputf8 = (*source)->needs_utf8();
  handling.body_8bit = (*source)->is_8bit();
  queue::set_handling(envelope, handling);
  return envelope;
}

}  // namespace postroad::relay
