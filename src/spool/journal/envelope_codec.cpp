// Encoding of envelopes and outcomes; see envelope_codec.hpp.
#include "spool/journal/envelope_codec.hpp"

#include <algorithm>
#include <array>

#include "spool/journal/record.hpp"
#include "spool/journal/wire.hpp"

namespace postroad::spool {

namespace {

// The smallest encoding of an element: a count that cannot fit is refused before memory is reserved
// for it.
constexpr std::size_t min_recipient_size = 4 + 1 + 4 + 8 + 4;
constexpr std::size_t min_option_size = 4 + 4;
constexpr std::size_t min_extra_size = 4 + 4;
constexpr std::size_t min_outcome_size = 4 + 1 + 4 + 8 + 4;

// Bits of the byte of the state.
constexpr std::uint8_t state_bits = 0x0f;
constexpr std::uint8_t reported_bit = 0x10;
constexpr std::uint8_t delay_reported_bit = 0x20;
constexpr std::uint8_t attempt_bit = 0x40;  // host and time of the last attempt follow the note
constexpr std::uint8_t held_bit = 0x80;

template <class Element>
void encode_state(Encoder& to, const Element& element) {
  const bool has_attempt = !element.host.empty() || element.last_attempt != 0;
  auto first = static_cast<std::uint8_t>(element.state);
  if (element.is_reported) first |= reported_bit;
  if (element.is_delay_reported) first |= delay_reported_bit;
  if (element.is_held) first |= held_bit;
  if (has_attempt) first |= attempt_bit;
  to.number(first).number(element.attempts).number(element.next_attempt).text(element.note);
  if (has_attempt) to.text(element.host).number(element.last_attempt);
}

template <class Element>
bool decode_state(Decoder& from, Element& element) {
  const auto first = from.number<std::uint8_t>();
  const auto state = static_cast<std::uint8_t>(first & state_bits);
  if (state > static_cast<std::uint8_t>(State::unknown)) return false;
  element.state = static_cast<State>(state);
  element.is_reported = (first & reported_bit) != 0;
  element.is_delay_reported = (first & delay_reported_bit) != 0;
  element.is_held = (first & held_bit) != 0;
  element.attempts = from.number<std::uint32_t>();
  element.next_attempt = from.number<std::int64_t>();
  element.note = from.text();
  if ((first & attempt_bit) == 0) return from.ok();
  element.host = from.text();
  element.last_attempt = from.number<std::int64_t>();
  return from.ok() && (!element.host.empty() || element.last_attempt != 0);
}

bool decode_recipients(Decoder& from, Envelope& envelope) {
  const auto count = from.number<std::uint32_t>();
  if (count > from.left() / min_recipient_size) return false;
  envelope.recipients.resize(count);
  for (auto& recipient : envelope.recipients) {
    recipient.address = from.text();
    if (!decode_state(from, recipient)) return false;
  }
  return true;
}

bool decode_options(Decoder& from, Envelope& envelope) {
  const auto count = from.number<std::uint32_t>();
  if (count > from.left() / min_option_size) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto name = from.text();
    envelope.options.emplace_back(name, from.text());
  }
  return from.ok();
}

// Optional lists after the recipients, because few recipients have such values. Trailing empty
// lists are not written.
using Extra = std::string Recipient::*;
constexpr std::array<Extra, 2> extras{&Recipient::original, &Recipient::parameters};

std::uint32_t count_of(const std::vector<Recipient>& recipients, Extra extra) {
  return static_cast<std::uint32_t>(
      std::count_if(recipients.begin(), recipients.end(),
                    [&](const Recipient& recipient) { return !(recipient.*extra).empty(); }));
}

void encode_extras(Encoder& to, const std::vector<Recipient>& recipients) {
  auto left = extras.size();
  while (left > 0 && count_of(recipients, extras[left - 1]) == 0) --left;
  for (std::size_t i = 0; i < left; ++i) {
    to.number(count_of(recipients, extras[i]));
    for (std::uint32_t at = 0; at < recipients.size(); ++at) {
      const auto& text = recipients[at].*extras[i];
      if (!text.empty()) to.number(at).text(text);
    }
  }
}

bool decode_extra(Decoder& from, std::vector<Recipient>& recipients, Extra extra) {
  const auto count = from.number<std::uint32_t>();
  if (count > from.left() / min_extra_size) return false;
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto recipient = from.number<std::uint32_t>();
    const auto text = from.text();
    if (recipient < next || recipient >= recipients.size() || text.empty()) return false;
    recipients[recipient].*extra = text;
    next = std::uint64_t{recipient} + 1;
  }
  return from.ok();
}

bool decode_extras(Decoder& from, Envelope& envelope) {
  auto last = extras.end();
  for (auto extra = extras.begin(); extra != extras.end() && from.left() > 0; ++extra) {
    if (!decode_extra(from, envelope.recipients, *extra)) return false;
    last = extra;
  }
  // The encoder ends with a list that is not empty.
  return last == extras.end() || count_of(envelope.recipients, *last) > 0;
}

}  // namespace

void encode(std::string& out, const Envelope& envelope) {
  Encoder to(out);
  to.number(envelope.arrived)
      .text(envelope.reverse_path)
      .text(envelope.client)
      .text(envelope.helo)
      .text(envelope.login)
      .text(envelope.protocol)
      .number(static_cast<std::uint32_t>(envelope.options.size()));
  for (const auto& [name, value] : envelope.options) to.text(name).text(value);
  to.number(static_cast<std::uint32_t>(envelope.recipients.size()));
  for (const auto& recipient : envelope.recipients) {
    to.text(recipient.address);
    encode_state(to, recipient);
  }
  encode_extras(to, envelope.recipients);
}

void encode(std::string& out, const std::vector<OutcomeRecord>& outcomes) {
  Encoder to(out);
  to.number(static_cast<std::uint32_t>(outcomes.size()));
  for (const auto& outcome : outcomes) {
    to.number(outcome.recipient);
    encode_state(to, outcome);
  }
}

std::string commit_payload_front(const Envelope& envelope, std::uint64_t message_size) {
  constexpr std::size_t usual = 512;  // an envelope with few recipients
  std::string out;
  out.reserve(usual);
  out.resize(CommitFront::size_on_disk);
  encode(out, envelope);
  CommitFront front;
  front.size = message_size;
  front.envelope = static_cast<std::uint32_t>(out.size() - CommitFront::size_on_disk);
  front.recipients = static_cast<std::uint32_t>(envelope.recipients.size());
  encode(out.data(), front);
  return out;
}

std::optional<CommitPayload> decode_commit_payload(std::string_view payload) {
  const auto front = decode_commit_front(payload);
  if (!front) return std::nullopt;
  auto envelope = decode_envelope(payload.substr(CommitFront::size_on_disk, front->envelope));
  if (!envelope || envelope->recipients.size() != front->recipients) return std::nullopt;
  const auto rest = payload.substr(CommitFront::size_on_disk + front->envelope);
  if (rest.size() > front->size) return std::nullopt;
  return CommitPayload{*front, std::move(*envelope), rest};
}

std::optional<Envelope> decode_envelope(std::string_view bytes) {
  Decoder from(bytes);
  Envelope envelope;
  envelope.arrived = from.number<std::int64_t>();
  envelope.reverse_path = from.text();
  envelope.client = from.text();
  envelope.helo = from.text();
  envelope.login = from.text();
  envelope.protocol = from.text();
  if (!decode_options(from, envelope) || !decode_recipients(from, envelope) ||
      !decode_extras(from, envelope))
    return std::nullopt;
  if (!from.ok() || from.left() != 0) return std::nullopt;
  return envelope;
}

std::optional<std::vector<OutcomeRecord>> decode_outcomes(std::string_view bytes) {
  Decoder from(bytes);
  const auto count = from.number<std::uint32_t>();
  if (count > from.left() / min_outcome_size) return std::nullopt;
  std::vector<OutcomeRecord> outcomes(count);
  for (auto& outcome : outcomes) {
    outcome.recipient = from.number<std::uint32_t>();
    if (!decode_state(from, outcome)) return std::nullopt;
  }
  if (!from.ok() || from.left() != 0) return std::nullopt;
  return outcomes;
}

Result<std::vector<OutcomeRecord>> outcomes_in(const ReadRecord& record, std::uint64_t id) {
  const auto joined = record.joined();
  if ((joined ? joined->id : record.header.id) != id)
    return fail(Fault::damaged, "message " + QueueId{id}.text(),
                "the record of an outcome belongs to another message");
  auto outcomes = decode_outcomes(joined ? joined->outcomes : record.payload());
  if (outcomes) return std::move(*outcomes);
  return fail(Fault::damaged, "message " + QueueId{id}.text(),
              "one of its records has an unknown format");
}

void apply(Envelope& envelope, const std::vector<OutcomeRecord>& outcomes) {
  for (const auto& outcome : outcomes) apply(envelope, outcome);
}

}  // namespace postroad::spool
