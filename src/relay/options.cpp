// The declarations, and the settings made of them; see options.hpp.
#include "relay/options.hpp"

#include "base/text.hpp"
#include "net/endpoint.hpp"
#include "relay/delivery.hpp"

namespace postroad::relay {

using config::Duration;
using config::Section;

namespace {

// How errors name the options of a way to a host.
OptionNames names_of(const std::string& prefix, const std::string& url) {
  return {.ca_file = prefix + "ca_file",
          .pinned_keys = {},
          .client_certificate = {},
          .legacy_tls = "insecure_allow_legacy_tls=yes in the URL of " + url,
          .password_in_clear = {},
          .user = prefix + "user",
          .password = prefix + "password"};
}

}  // namespace

Section<LocalConfig> LocalConfig::declare() {
  Section<LocalConfig> s;
  s.option("domains", &LocalConfig::domains, "Local domains: messages to them are delivered here.");
  s.option("mailboxes", &LocalConfig::mailboxes,
           "Mailboxes: `user` in every local domain, or `user@domain`.");
  s.option("aliases", &LocalConfig::aliases,
           "Aliases: `name: address, address`; a target may be local or remote.");
  s.option("catch_all", &LocalConfig::catch_all,
           "Address that gets the messages for unknown local names; empty: they are refused.");
  s.option("plus", &LocalConfig::plus,
           "Characters that begin a tag: messages for `ann+lists` go to ann if there is no mailbox "
           "of the whole name. Empty: there are no tags.");
  return s;
}

DirectorySettings LocalConfig::directory() const {
  return {domains, mailboxes, aliases, catch_all, plus};
}

Section<SubmissionConfig> SubmissionConfig::declare() {
  Section<SubmissionConfig> s;
  s.option("senders", &SubmissionConfig::senders,
           "Further sender addresses of a login: `login: address, @domain`. Each login may use its "
           "own: `login` at a local domain, or the login itself if it is an address.");
  return s;
}

Section<DeliveryConfig> DeliveryConfig::declare() {
  constexpr Duration shortest{10};
  constexpr Duration longest{std::chrono::days(1)};
  Section<DeliveryConfig> s;
  s.option("local", &DeliveryConfig::local,
           {{"maildir", Destination::maildir}, {"discard", Destination::discard}},
           "Where messages to local recipients go; discard deletes every message, for "
           "measurements.");
  s.option("networks", &DeliveryConfig::networks,
           "Networks whose messages are relayed without a login, such as 192.0.2.0/24.");
  s.option("smarthost", &DeliveryConfig::smarthost,
           "URL of the server that gets the messages to remote domains, as "
           "smtp://relay.example:587; empty: they are refused.")
      .url();
  s.option("smarthost_ca_file", &DeliveryConfig::smarthost_ca_file,
           "PEM file of CA certificates that are trusted instead of the system's for the "
           "smarthost.");
  s.option("smarthost_ignores", &DeliveryConfig::smarthost_ignores,
           "Extensions of the smarthost that are not used, by their EHLO keyword.");
  s.option("smarthost_user", &DeliveryConfig::smarthost_user, "User for AUTH at the smarthost.");
  s.option("smarthost_password", &DeliveryConfig::smarthost_password,
           "Password of that user; better set in the environment than in the file.");
  s.option(
       "initial_retry_delay", &DeliveryConfig::initial_retry_delay,
       "Delay before the first retry of a deferred recipient. Doubles with each attempt, give or "
       "take 15% so that messages do not return together.")
      .between(shortest, longest)
      .formerly("first_retry");
  s.option("max_retry_delay", &DeliveryConfig::max_retry_delay,
           "Longest delay between attempts; on the first day of a message, one hour at most.")
      .between(shortest, longest)
      .formerly("longest_retry");
  s.option("lifetime", &DeliveryConfig::lifetime,
           "Age at which a message that was not delivered is given up; 0s: never.")
      .between(Duration{0}, std::chrono::days(365));
  s.option("on_unknown", &DeliveryConfig::on_unknown,
           {{"retry", queue::OnUnknown::retry}, {"park", queue::OnUnknown::park}},
           "When the connection is lost after the final dot: retry counts it as 421 (RFC 5321 "
           "section 3.8), so the message may arrive twice; park never sends it again.");
  s.option("connections", &DeliveryConfig::connections, "Concurrent connections to the smarthost.")
      .between(1, 1000);
  return s;
}

Section<BouncesConfig> BouncesConfig::declare() {
  Section<BouncesConfig> s;
  s.option(
       "delay_after", &BouncesConfig::delay_after,
       "Age of a message at which its delay is reported to the sender, once. Senders with a login "
       "and those with NOTIFY=DELAY get this report. 0s: no such reports.")
      .between(Duration{0}, std::chrono::days(365));
  s.option("lifetime", &BouncesConfig::lifetime,
           "Age at which a message with the null reverse-path, such as a notification, is given "
           "up; delivery.lifetime if that is shorter.")
      .between(Duration{1000}, std::chrono::days(365));
  s.option("postmaster", &BouncesConfig::postmaster,
           "Address that gets notifications which cannot be delivered to the sender; empty: they "
           "end with an event in the log.");
  s.option("confirm_networks", &BouncesConfig::confirm_networks,
           "Networks whose clients get confirmations (NOTIFY=SUCCESS) without a login.");
  s.option("per_hour", &BouncesConfig::per_hour,
           "Notifications to one address within an hour; 0: no limit.")
      .between(0, 1'000'000);
  return s;
}

ReportSettings BouncesConfig::settings(const std::string& hostname,
                                       std::chrono::milliseconds message_lifetime) const {
  ReportSettings made;
  made.host = hostname;
  made.lifetime = message_lifetime;
  made.per_hour = per_hour;
  made.policy.delay_after = delay_after;
  made.policy.postmaster = postmaster;
  std::vector<net::Network> networks;
  for (const auto& text : confirm_networks) {
    if (auto network = net::Network::parse(text)) networks.push_back(*network);
  }
  made.policy.confirms = [networks = std::move(networks)](const spool::Envelope& envelope) {
    return !envelope.login.empty() || net::is_in(networks, envelope.client);
  };
  return made;
}

Section<MxConfig> MxConfig::declare() {
  Section<MxConfig> s;
  s.option("enabled", &MxConfig::enabled,
           "Messages to remote domains go to the mail exchangers that the DNS names for each.");
  s.option("port", &MxConfig::port, "Port of the mail exchangers.").between(1, 65535);
  s.option("families", &MxConfig::families,
           {{"both", Families::both}, {"ipv4", Families::ipv4}, {"ipv6", Families::ipv6}},
           "IP versions by which mail exchangers are reached.");
  s.option("allow_networks", &MxConfig::allow_networks,
           "Networks of mail exchangers that may be used although they are private, loopback or "
           "link-local addresses. None: no foreign domain can make this server connect to one.");
  s.option("own_names", &MxConfig::own_names,
           "Further names of this server in MX records, beside server.hostname.");
  s.option("own_addresses", &MxConfig::own_addresses,
           "Further addresses or networks of this server, such as the public one behind NAT. An "
           "exchanger that is this server is not connected to (a mail loop).");
  s.option("connections", &MxConfig::connections,
           "Concurrent connections for one destination domain.")
      .between(1, 1000);
  return s;
}

mx::MxSettings MxConfig::settings(const std::string& hostname) const {
  mx::MxSettings made;
  made.helo_name = hostname;
  made.port = port;
  made.connections = connections;
  // RFC 5321 section 4.5.3.2 gives each reply minutes: a host that trickles would hold its place
  // for hours.
  made.timeouts.overall = std::chrono::hours(1);
  made.rules.own_names = {canonical_domain(hostname)};
  for (const auto& name : own_names) made.rules.own_names.push_back(canonical_domain(name));
  made.rules.ipv4 = families != Families::ipv6;
  made.rules.ipv6 = families != Families::ipv4;
  for (const auto& text : allow_networks) {
    if (auto network = net::Network::parse(text)) made.rules.allowed.push_back(*network);
  }
  for (const auto& text : own_addresses) {
    if (auto network = net::Network::parse(text)) made.rules.own.push_back(*network);
  }
  return made;
}

Section<RouteConfig> RouteConfig::declare() {
  Section<RouteConfig> s;
  s.option(
      "domains", &RouteConfig::domains,
      "Recipient domains: `example.org`, `.example.org` for all subdomains, `*` for all. None: "
      "all remote domains. A local domain that is named takes the route, not its mailboxes.");
  s.option(
      "senders", &RouteConfig::senders,
      "Reverse-paths: `ann@example.org`, `@example.org`, `<>` for the null reverse-path. None: "
      "all.");
  s.option("via", &RouteConfig::via,
           "Where the messages go: `mx` for the mail exchangers of each domain, or the URL of a "
           "server, such as smtp://relay.example:587 or lmtp://127.0.0.1:24.")
      .url();
  s.option("user", &RouteConfig::user, "User for AUTH at that server.");
  s.option("password", &RouteConfig::password,
           "Password of that user. The file should be readable by the server's user only.");
  s.option("ca_file", &RouteConfig::ca_file,
           "PEM file of CA certificates that are trusted instead of the system's for that server.");
  s.option("ignores", &RouteConfig::ignores,
           "Extensions of that server that are not used, by their EHLO keyword.");
  s.option("connections", &RouteConfig::connections, "Concurrent connections to that server.")
      .between(1, 1000);
  return s;
}

HostWay RouteConfig::way(const std::string& hostname, const std::string& name) const {
  HostWay made;
  made.url = via;
  made.user = user;
  made.password = password;
  made.helo_name = hostname;
  made.ca_file = ca_file.string();
  made.ignored_extensions = ignores;
  made.connections = connections;
  made.names = names_of(name + '.', name + ".via");
  return made;
}

Section<ResolverConfig> ResolverConfig::declare() {
  Section<ResolverConfig> s;
  s.option("servers", &ResolverConfig::servers,
           "Name servers: `192.0.2.1`, `192.0.2.1:53` or `[2001:db8::1]:53`; none: those of "
           "/etc/resolv.conf.");
  s.option("trust_anchor_file", &ResolverConfig::trust_anchor_file,
           "File of DS or DNSKEY records that DNSSEC validation begins with; empty: no answer is "
           "validated.");
  return s;
}

Result<dns::UnboundOptions> ResolverConfig::options() const {
  dns::UnboundOptions made;
  made.trust_anchor_file = trust_anchor_file.string();
  for (const auto& text : servers) {
    const auto endpoint = net::parse_endpoint(text, 53);
    if (!endpoint) return endpoint.error();
    if (endpoint->port() == 0)
      return fail(Fault::input, '\'' + printable(text, 80) + '\'', "a name server has no port 0");
    made.name_servers.push_back(endpoint->address().to_string() + '@' +
                                std::to_string(endpoint->port()));
  }
  return made;
}

DeliverySettings DeliveryConfig::settings(const std::string& hostname) const {
  DeliverySettings made;
  made.host = hostname;
  made.discard = local == Destination::discard;
  made.settlement.retry = {initial_retry_delay, max_retry_delay, lifetime};
  made.settlement.on_unknown = on_unknown;
  return made;
}

HostWay DeliveryConfig::smarthost_way(const std::string& hostname) const {
  HostWay made;
  made.url = smarthost;
  made.user = smarthost_user;
  made.password = smarthost_password;
  made.helo_name = hostname;
  made.ca_file = smarthost_ca_file.string();
  made.ignored_extensions = smarthost_ignores;
  made.connections = connections;
  made.names = names_of("delivery.smarthost_", "delivery.smarthost");
  return made;
}

}  // namespace postroad::relay
