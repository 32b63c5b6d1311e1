// See part_facts.hpp.
#include "relay/mx/part_facts.hpp"

#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "queue/retry_hint.hpp"
#include "queue/server_text.hpp"

namespace postroad::relay::mx {

namespace {

std::string domain_of(const queue::Part& part, std::uint32_t recipient) {
  const auto& address = part.envelope.recipients[recipient].address;
  return address.substr(address.rfind('@') + 1);
}

// "mx.example [192.0.2.1]:25"
std::optional<Address> address_in(std::string_view host) {
  const auto begin = host.find('[');
  const auto end = host.find(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return std::nullopt;
  auto text = host.substr(begin + 1, end - begin - 1);
  if (text.starts_with("IPv6:")) text.remove_prefix(5);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(address);
}

}  // namespace

std::string domain_of(const queue::Part& part) { return domain_of(part, part.recipients.front()); }

std::vector<std::uint32_t> of_one_transaction(const queue::Part& part, std::size_t most) {
  const auto domain = domain_of(part);
  std::vector<std::uint32_t> found;
  for (const auto at : part.recipients)
    if (found.size() < most && iequals(domain_of(part, at), domain)) found.push_back(at);
  return found;
}

tls::MessageWish wish_of(const spool::Envelope& envelope, const queue::Handling& handling) {
  return {handling.asked.require_tls, handling.tls_optional, envelope.reverse_path.empty()};
}

tls::MessageWish wish_of(const queue::Part& part) { return wish_of(part.envelope, part.handling); }

std::uint64_t seed_of(const queue::Part& part) {
  const auto& first = part.envelope.recipients[part.recipients.front()];
  return part.id.value * 31 + first.attempts;
}

KnownHost host_to_return_to(const queue::Part& part) {
  const auto& one = part.envelope.recipients[part.recipients.front()];
  if (one.attempts != 1 || !one.note.starts_with('4')) return {};
  const auto text = lower(one.note);
  const bool is_greylisted = queue::retry_hint(text) ||
                             text.find("greylist") != std::string::npos ||
                             text.find("graylist") != std::string::npos;
  if (!is_greylisted) return {};
  return {std::string(queue::parse_server(one.host).name), address_in(one.host)};
}

void begin_with_ipv4(std::vector<Address>& addresses) {
  for (std::size_t i = 0; i + 1 < addresses.size(); i += 2)
    if (addresses[i].is_v6() && addresses[i + 1].is_v4()) std::swap(addresses[i], addresses[i + 1]);
}

}  // namespace postroad::relay::mx
