// See server_text.hpp.
#include "queue/server_text.hpp"

#include <algorithm>

namespace postroad::queue {

namespace {

bool is_address(std::string_view name) {
  return name.starts_with('[') || name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string format_server(std::string_view server, std::string_view address, std::string_view tls) {
  const auto name = server.substr(0, server.rfind(':'));
  std::string text(server);
  if (!address.empty() && !name.empty() && !is_address(name)) (text.assign(name) += ' ') += address;
  if (!text.empty() && !tls.empty()) (text += ' ') += tls;
  return text;
}

ServerText parse_server(std::string_view text) {
  ServerText made;
  const auto space = std::min(text.find(' '), text.size());
  const bool has_address = text.substr(space).starts_with(" [");
  const auto end = has_address ? std::min(text.find(' ', space + 1), text.size()) : space;
  made.host = text.substr(0, end);
  made.name = has_address ? text.substr(0, space) : made.host.substr(0, made.host.rfind(':'));
  if (end < text.size()) made.tls = text.substr(end + 1);
  return made;
}

}  // namespace postroad::queue
