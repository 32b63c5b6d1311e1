// Relay control, VRFY and EXPN; see rules.hpp.
#include "relay/rules.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace postroad::relay {

namespace {

// 4 or 16 octets in network order; IPv4 mapped into IPv6 comes out as IPv4.
std::string octets_of(std::string_view text) {
  if (text.starts_with('[')) text = text.substr(1, text.find(']') - 1);
  if (istarts_with(text, "IPv6:")) text.remove_prefix(5);
  const std::string address(text);
  char octets[16];
  if (inet_pton(AF_INET, address.c_str(), octets) == 1) return {octets, 4};
  if (inet_pton(AF_INET6, address.c_str(), octets) != 1) return {};
  const std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (std::string_view(octets, 12) == mapped) return {octets + 12, 4};
  return {octets, 16};
}

// What a mailbox here must not look like: a second address inside the local part, as relays that
// parse it again would see (percent hack, bang path, a quoted address).
bool hides_a_route(const Mailbox& mailbox) {
  return std::any_of(mailbox.local.begin(), mailbox.local.end(),
                     [](char c) { return c == '@' || c == '%' || c == '!'; });
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  Network network;
  const auto slash = text.find('/');
  network.octets_ = octets_of(text.substr(0, slash));
  const auto most = static_cast<unsigned>(network.octets_.size() * 8);
  const auto bits =
      slash == std::string_view::npos ? most : parse_number(text.substr(slash + 1)).value_or(999);
  if (most == 0 || bits > most) {
    return fail(Fault::input, '\'' + printable(text, 60) + '\'',
                "not a network; the forms are 192.0.2.0/24, 2001:db8::/32 and a single address");
  }
  network.bits_ = static_cast<unsigned>(bits);
  return network;
}

bool Network::contains(std::string_view peer) const {
  const auto other = octets_of(peer);
  if (other.size() != octets_.size()) return false;
  for (unsigned bit = 0; bit < bits_; bit += 8) {
    const unsigned left = std::min(8U, bits_ - bit);
    const auto mask = static_cast<unsigned char>(0xff00U >> left);
    if (((octets_[bit / 8] ^ other[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool Rules::may_relay(const server::SessionFacts& facts) const {
  if (!facts.machine->login().empty()) return true;
  return std::any_of(settings_.networks.begin(), settings_.networks.end(),
                     [&](const auto& network) { return network.contains(facts.peer); });
}

Reply Rules::rcpt(const server::SessionFacts& facts, const smtp::Transaction&,
                  const Mailbox& recipient) {
  if (facts.role == server::Role::catch_all) return {};
  if (directory_.is_local(recipient)) {
    if (!directory_.resolve(recipient).empty()) return {};
    if (hides_a_route(recipient) && !may_relay(facts)) return {550, {5, 7, 1}, "Relaying denied"};
    return {550, {5, 1, 1}, "no mailbox here of that name"};
  }
  if (!may_relay(facts)) return {550, {5, 7, 1}, "Relaying denied"};
  if (!settings_.has_route) return {550, {5, 1, 2}, "there is no route to that domain from here"};
  return {};
}

Reply Rules::vrfy(const server::SessionFacts& facts, std::string_view text) {
  const auto mailbox = directory_.find(text);
  if (!mailbox) return {501, {5, 1, 3}, "not an address"};
  if (facts.role == server::Role::catch_all) return {250, {2, 1, 5}, '<' + mailbox->text() + '>'};
  if (!directory_.is_local(*mailbox)) return {252, {2, 5, 0}, "not local: cannot tell"};
  const auto ends = directory_.resolve(*mailbox);
  if (ends.empty()) return {550, {5, 1, 1}, "no mailbox here of that name"};
  return {250, {2, 1, 5}, '<' + (ends.size() == 1 ? ends.front() : *mailbox).text() + '>'};
}

Reply Rules::expn(const server::SessionFacts&, std::string_view text) {
  const auto mailbox = directory_.find(text);
  const auto members = mailbox ? directory_.members(*mailbox) : std::vector<Mailbox>{};
  if (members.empty()) return {550, {5, 1, 1}, "no list here of that name"};
  std::string lines;
  for (const auto& member : members) lines += (lines.empty() ? "<" : "\n<") + member.text() + '>';
  return {250, {2, 1, 5}, std::move(lines)};
}

bool Rules::check_login(const std::string& user, const Secret& password) {
  return settings_.users != nullptr && settings_.users->check(user, password);
}

}  // namespace postroad::relay
