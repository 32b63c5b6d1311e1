// See transport_support.hpp.
#include "client/transport/transport_support.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/text.hpp"

namespace postroad::client {

SendReport report_of(const Envelope& envelope, Outcome outcome, const Reply& reply) {
  SendReport report;
  for (const auto& recipient : envelope.recipients)
    report.recipients.push_back({recipient, outcome, Stage::end_of_data, reply});
  report.reply = reply;
  return report;
}

std::string errno_text() { return std::generic_category().message(errno); }

bool write_all(int to, std::string_view bytes, bool is_socket) {
  while (!bytes.empty()) {
    const auto n = is_socket ? ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                             : ::write(to, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::optional<Error> find_unfit(const Envelope& envelope, const std::string& where) {
  const auto is_unfit = [](const Mailbox& mailbox) {
    const auto text = mailbox.text();
    return std::any_of(text.begin(), text.end(), is_line_breaker);
  };
  if (!is_unfit(envelope.reverse_path) &&
      std::none_of(envelope.recipients.begin(), envelope.recipients.end(), is_unfit))
    return std::nullopt;
  return fail(Fault::input, where, "a CR, LF or NUL in an address");
}

}  // namespace postroad::client
