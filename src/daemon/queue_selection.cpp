// See queue_selection.hpp.
#include "daemon/queue_selection.hpp"

#include <algorithm>
#include <array>

#include "base/percent.hpp"
#include "base/text.hpp"

namespace postroad::daemon {

namespace {

constexpr std::array<std::string_view, 6> names{"queued",    "deferred", "held",
                                                "delivered", "refused",  "unknown"};

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

Result<void> take(QueueSelection& selection, std::string_view name, const std::string& value) {
  if (name == "id") {
    const auto id = spool::QueueId::parse(value);
    if (!id) return id.error();
    selection.ids.push_back(*id);
    return {};
  }
  if (name == "state") {
    const auto state = parse_state(value);
    if (!state) return state.error();
    selection.state = *state;
    return {};
  }
  if (name == "older") {
    const auto number = parse_number(value);
    if (!number || *number > INT64_MAX) return fail(Fault::input, "older", "expected milliseconds");
    selection.older = std::chrono::milliseconds(static_cast<std::int64_t>(*number));
    return {};
  }
  const std::array<std::pair<std::string_view, std::string*>, 5> texts{
      {{"sender", &selection.sender},
       {"recipient", &selection.recipient},
       {"domain", &selection.domain},
       {"site", &selection.site},
       {"reply", &selection.reply}}};
  for (const auto& [key, target] : texts) {
    if (name != key) continue;
    *target = value;
    return {};
  }
  return fail(Fault::input, std::string(name), "no such condition");
}

}  // namespace

bool is_like(std::string_view text, std::string_view pattern) {
  std::size_t at = 0, in = 0;
  std::size_t star = std::string_view::npos, mark = 0;
  while (at < text.size()) {
    if (in < pattern.size() && pattern[in] == '*') {
      star = in++;
      mark = at;
    } else if (in < pattern.size() && to_lower(pattern[in]) == to_lower(text[at])) {
      ++in;
      ++at;
    } else if (star != std::string_view::npos) {
      in = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '*') ++in;
  return in == pattern.size();
}

RecipientState state_of(const spool::Recipient& recipient) {
  switch (recipient.state) {
    case spool::State::delivered:
      return RecipientState::delivered;
    case spool::State::refused:
      return RecipientState::refused;
    case spool::State::unknown:
      return RecipientState::unknown;
    case spool::State::pending:
      break;
  }
  if (recipient.is_held) return RecipientState::held;
  return recipient.attempts == 0 ? RecipientState::queued : RecipientState::deferred;
}

bool is_waiting(const spool::Recipient& recipient) {
  return recipient.state == spool::State::pending || recipient.state == spool::State::unknown;
}

std::string_view to_string(RecipientState state) noexcept {
  return names[static_cast<std::size_t>(state)];
}

Result<RecipientState> parse_state(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<RecipientState>(found - names.begin());
  return fail(Fault::input, "state '" + printable(name, 40) + '\'',
              "the states are queued, deferred, held, delivered, refused and unknown");
}

bool QueueSelection::matches(const spool::Envelope& envelope, std::int64_t wall,
                             const SiteOf& site_of) const {
  if (older.count() > 0 && wall - envelope.arrived < older.count()) return false;
  if (!sender.empty()) {
    const bool is_null = sender == "<>";
    if (is_null != envelope.reverse_path.empty()) return false;
    if (!is_null && !is_like(envelope.reverse_path, sender)) return false;
  }
  const bool asks_recipient =
      !recipient.empty() || !domain.empty() || !site.empty() || !reply.empty() || state;
  if (!asks_recipient) return true;
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& one = envelope.recipients[i];
    if (!recipient.empty() && !is_like(one.address, recipient)) continue;
    if (!domain.empty() && !is_like(domain_of(one.address), domain)) continue;
    if (state ? daemon::state_of(one) != *state : !is_waiting(one)) continue;
    if (!reply.empty() && lower(one.note).find(lower(reply)) == std::string::npos) continue;
    if (!site.empty() && !is_like(site_of(envelope, i), site)) continue;
    return true;
  }
  return false;
}

std::string words_of(const QueueSelection& selection) {
  std::string words;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) ((words += ' ') += name) += '=' + percent_encode(value);
  };
  for (const auto id : selection.ids) add("id", id.text());
  add("sender", selection.sender);
  add("recipient", selection.recipient);
  add("domain", selection.domain);
  add("site", selection.site);
  add("reply", selection.reply);
  if (selection.state) add("state", to_string(*selection.state));
  if (selection.older.count() > 0) add("older", std::to_string(selection.older.count()));
  return words;
}

Result<QueueSelection> parse_selection(std::string_view words) {
  QueueSelection selection;
  for (const auto word : split(words, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    const auto value =
        equals == std::string_view::npos ? std::nullopt : percent_decode(word.substr(equals + 1));
    if (!value) return fail(Fault::input, '\'' + printable(word, 80) + '\'', "expected NAME=VALUE");
    if (auto taken = take(selection, word.substr(0, equals), *value); !taken) return taken.error();
  }
  return selection;
}

}  // namespace postroad::daemon
