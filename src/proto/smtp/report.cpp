// Names of outcomes and queries of SendReport; see report.hpp.
#include <postroad/report.hpp>

#include <algorithm>
#include <ostream>

namespace postroad {

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::accepted:
      return "accepted";
    case Outcome::refused:
      return "refused";
    case Outcome::deferred:
      return "deferred";
    case Outcome::unknown:
      return "unknown";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, Outcome outcome) { return out << to_string(outcome); }

bool SendReport::all_accepted() const noexcept {
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& recipient) { return recipient.outcome == Outcome::accepted; });
}

bool SendReport::any(Outcome outcome) const noexcept {
  return std::any_of(recipients.begin(), recipients.end(),
                     [&](const auto& recipient) { return recipient.outcome == outcome; });
}

Envelope SendReport::retryable(const Envelope& envelope) const {
  Envelope next{envelope.reverse_path, {}, envelope.options, {}};
  const auto count = std::min(recipients.size(), envelope.recipients.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (recipients[i].outcome != Outcome::deferred) continue;
    next.recipients.push_back(envelope.recipients[i]);
    if (envelope.recipient_options.empty()) continue;
    next.recipient_options.push_back(
        i < envelope.recipient_options.size() ? envelope.recipient_options[i] : RecipientOptions{});
  }
  return next;
}

}  // namespace postroad
