// The identity of a session's client, by its address, a PROXY header or XCLIENT, and whether it is
// served. See session.hpp.
#include <boost/asio/ip/address.hpp>

#include "base/text.hpp"
#include "proto/proxy/header.hpp"
#include "server/events.hpp"
#include "server/session.hpp"

namespace postroad::server {

namespace {

constexpr std::chrono::seconds proxy_patience{10};  // for the PROXY header

using Attributes = std::vector<std::pair<std::string, std::string>>;

// The last value of that name; null: none.
const std::string* find(const Attributes& attributes, std::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [key, value] : attributes) {
    if (key == name) found = &value;
  }
  return found;
}

bool is_unknown(const std::string& value) { return value.starts_with('['); }

}  // namespace

// From now on the session belongs to that client.
void Session::enter(const tcp::endpoint& client) {
  charge(proto::Clock::now());
  endpoint_ = client;
  client_ = net::text_of(client);
  visit_ = services_.guard.enter(client.address(), proto::Clock::now());
}

// The refusal; code 0: none so far. A policy that answers later is waited for when the machine asks
// for the greeting; the limits are nevertheless checked now.
Reply Session::begin_connect() {
  Inquiry inquiry;
  if (!go_on(inquiry)) {
    inquiry_ = std::make_unique<Inquiry>(std::move(inquiry));
  } else if (inquiry.is_refused()) {
    return limited("address", std::move(inquiry.reply()));
  }
  return check_client();
}

Reply Session::check_client() {
  const auto now = proto::Clock::now();
  const auto host = listener_->smtp.hostname + ' ';
  if (!visit_.may_stay())
    return limited("sessions", {421, {4, 7, 0}, host + "too many sessions from your address"});
  if (!visit_.has(Counted::errors, now))
    return limited("errors",
                   {421, {4, 7, 0}, host + "too many errors from your address, try again later"});
  if (!visit_.take(Counted::connections, now))
    return limited("connections",
                   {421, {4, 7, 0}, host + "too many connections from your address, slow down"});
  return {};
}

// Byte by byte: the data after the header belongs to the client, and may be TLS.
boost::asio::awaitable<bool> Session::read_proxy_header() {
  if (machine_.is_stopped()) co_return false;
  const auto deadline = proto::Clock::now() + proxy_patience;
  std::string bytes;
  std::string problem;
  while (problem.empty()) {
    char byte = 0;
    const auto count = co_await stream_.read({&byte, 1}, deadline);
    if (!count || *count == 0) {
      problem = count ? "the proxy closed before its header ended" : count.error().detail;
      break;
    }
    bytes += byte;
    std::string_view input = bytes;
    const auto header = proxy::parse(input);
    if (!header)
      problem = header.error().detail;
    else if (*header)
      co_return take_proxy_header(**header);
  }
  if (!machine_.is_stopped()) proxy_failed(services_.log, info(), problem);
  stream_.close();
  co_return false;
}

// False: the client is refused and has the reply.
bool Session::take_proxy_header(const proxy::Header& header) {
  boost::system::error_code bad;
  // The proxy itself, or a client without an address: limits per client would apply to all of them
  // together. Limits per login apply.
  if (header.is_local)
    visit_ = services_.guard.enter(endpoint_.address(), proto::Clock::now(), false);
  else
    enter({boost::asio::ip::make_address(header.source, bad), header.source_port});
  // A trusted proxy does not make its client trusted: XCLIENT requires the client's own address.
  if (net::is_in(listener_->xclient_peers, client_)) machine_.trust_peer();
  const auto refusal = header.is_local ? Reply{} : begin_connect();
  if (refusal.code != 0) send_away(refusal);
  return refusal.code == 0;
}

// Takes ADDR and PORT, before the policies are asked. NAME, PROTO and the destination are accepted
// and not used.
Reply Session::take_xclient_address(const Attributes& attributes) {
  std::uint16_t port = 0;
  if (const auto* text = find(attributes, "PORT"); text != nullptr && !is_unknown(*text)) {
    const auto number = parse_number(*text);
    if (!number || *number > 65535) return {501, {5, 5, 4}, "XCLIENT: PORT is not a port number"};
    port = static_cast<std::uint16_t>(*number);
  }
  const auto* address = find(attributes, "ADDR");
  if (address == nullptr) return {};
  if (is_unknown(*address)) {  // [UNAVAILABLE], [TEMPUNAVAIL]: in no network, nor the proxy's
    endpoint_ = {};
    client_ = "[unknown]";
    return {};
  }
  boost::system::error_code bad;
  const auto text =
      istarts_with(*address, "IPV6:") ? std::string_view(*address).substr(5) : *address;
  const auto client = boost::asio::ip::make_address(text, bad);
  if (bad) return {501, {5, 5, 4}, "XCLIENT: ADDR is not an IP address"};
  enter({client, port});
  return {};
}

// The limits of the client and the login that XCLIENT named, after the policies were asked.
Reply Session::check_xclient(const Attributes& attributes) {
  const auto* address = find(attributes, "ADDR");
  if (address != nullptr && !is_unknown(*address)) {
    auto refusal = check_client();
    if (refusal.code != 0) return refusal;
  }
  visit_.log_out();
  const auto* login = find(attributes, "LOGIN");
  if (login == nullptr || login->empty() || is_unknown(*login) || listener_->role == Role::catcher)
    return {};
  // The proxy checked the password; limits per login apply here too.
  const auto limit = visit_.log_in(*login, proto::Clock::now());
  return limit.empty() ? Reply{} : limited(limit, too_many_of_login(limit), *login);
}

Reply Session::too_many_of_login(std::string_view what) const {
  return {421,
          {4, 7, 0},
          listener_->smtp.hostname + " too many " + std::string(what) +
              " of this login, try again later"};
}

}  // namespace postroad::server
