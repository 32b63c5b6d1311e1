// Words and questions of Outcome and SendReport.
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
  return std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& recipient) { return recipient.outcome == Outcome::accepted; });
}

bool SendReport::any(Outcome outcome) const noexcept {
  return std::any_of(recipients.begin(), recipients.end(),
                     [&](const auto& recipient) { return recipient.outcome == outcome; });
}

}  // namespace postroad
