// The words and questions of Error and Fault.
#include <postroad/error.hpp>

#include <array>
#include <ostream>

#include "base/text.hpp"

namespace postroad {

std::string_view to_string(Fault fault) noexcept {
  static constexpr std::array<std::string_view, 18> words{
      "input",    "resolve", "connect",      "timeout",   "closed",      "refused",
      "protocol", "tls",     "tls_required", "auth",      "unsupported", "cancelled",
      "io",       "full",    "damaged",      "not_found", "busy",        "data"};
  const auto index = static_cast<std::size_t>(fault);
  return index < words.size() ? words[index] : "unknown";
}

bool Error::is_temporary() const noexcept {
  if (reply_code != 0) return reply_code >= 400 && reply_code < 500;
  switch (fault) {
    case Fault::resolve:
    case Fault::connect:
    case Fault::timeout:
    case Fault::closed:
    case Fault::full:
    case Fault::busy:
    case Fault::io:
      return true;
    default:
      return false;
  }
}

std::string Error::text() const {
  std::string out = printable(where);
  if (stage != Stage::none) (out += out.empty() ? "" : " ") += to_string(stage);
  if (!out.empty()) out += ": ";
  out += printable(detail);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Error& error) { return out << error.text(); }

Error fail(Fault fault, std::string where, std::string detail) {
  Error error;
  error.fault = fault;
  error.where = std::move(where);
  error.detail = std::move(detail);
  return error;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw ErrorException(error);
}

}  // namespace postroad
