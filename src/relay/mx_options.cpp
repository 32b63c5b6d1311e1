// The options of delivery to mail exchangers and of the resolver; see options.hpp.
#include <algorithm>

#include "base/text.hpp"
#include "net/endpoint.hpp"
#include "relay/options.hpp"

namespace postroad::relay {

using config::Duration;
using config::Section;

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
           "Concurrent connections to one site, at most. A site is all domains with the same mail "
           "exchangers.")
      .between(1, 1000);
  s.option("initial_connections", &MxConfig::initial_connections,
           "Concurrent connections to a site at first and after an outage; they grow with "
           "successes, and a host that replies 421 or 4.7.x gets fewer.")
      .between(1, 1000);
  s.option("failures", &MxConfig::failures,
           "Failures of all hosts in a row until a site counts as down: then one message at "
           "a time is tried, and the others wait.")
      .between(1, 100);
  s.option("rate", &MxConfig::rate,
           "Attempts at one site per time, spread evenly, such as `600/h`; messages wait in line "
           "for it. `none`: no limit.");
  s.option("messages_per_connection", &MxConfig::messages_per_connection,
           "Messages that one connection carries, at most; 1: each has a connection of its own.")
      .between(1, 100'000);
  s.option("recipients", &MxConfig::recipients,
           "Recipients of one transaction, at most; the others go in the next one.")
      .between(1, 10'000);
  s.option("idle", &MxConfig::idle, "How long a connection without a message stays open.")
      .between(Duration{10}, std::chrono::minutes(5));
  s.option("addresses", &MxConfig::addresses, "Addresses that one attempt tries at most.")
      .between(1, 100);
  s.option("sessions", &MxConfig::sessions,
           "SMTP sessions that one attempt opens at most, before the message waits for its retry.")
      .between(1, 100);
  const auto time = [&s](std::string_view name, Duration MxConfig::*member, std::string_view doc) {
    s.option(name, member, doc).between(Duration{10}, std::chrono::hours(1));
  };
  time("connect_timeout", &MxConfig::connect_timeout, "Time for a connection.");
  time("greeting_timeout", &MxConfig::greeting_timeout, "Time for the greeting.");
  time("reply_timeout", &MxConfig::reply_timeout,
       "Time for the reply to a command (RFC 5321 section 4.5.3.2).");
  time(
      "dot_timeout", &MxConfig::dot_timeout,
      "Time for the reply to the final dot. Too short a time causes second deliveries (RFC 1047).");
  return s;
}

mx::MxSettings MxConfig::settings(const std::string& hostname) const {
  mx::MxSettings made;
  made.helo_name = hostname;
  made.port = port;
  made.limits = {connections, initial_connections,     failures,
                 rate,        messages_per_connection, recipients};
  made.reuse.idle = idle;
  made.sessions = sessions;
  made.rules.max_addresses = addresses;
  made.timeouts.connect = connect_timeout;
  made.timeouts.greeting = greeting_timeout;
  made.timeouts.command = reply_timeout;
  made.timeouts.end_of_data = dot_timeout;
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

Section<TlsOutConfig> TlsOutConfig::declare() {
  using tls::Level;
  Section<TlsOutConfig> s;
  s.option(
      "level", &TlsOutConfig::level,
      {{"opportunistic", Level::opportunistic},
       {"required", Level::required},
       {"verify", Level::verify}},
      "TLS with mail exchangers where neither DANE nor MTA-STS rules. `opportunistic`: where "
      "the host offers it. `required`: with any certificate. `verify`: the certificate must be "
      "that of the host.");
  s.option(
      "dane", &TlsOutConfig::dane,
      "Hosts with TLSA records must have a certificate that matches (DANE, RFC 7672). It needs "
      "name servers that pass on DNSSEC signatures.");
  s.option("mta_sts", &TlsOutConfig::mta_sts,
           "The MTA-STS policies of domains are fetched and obeyed (RFC 8461).");
  s.option("ca_file", &TlsOutConfig::ca_file,
           "PEM file of CA certificates for mail exchangers and MTA-STS policy hosts; empty: those "
           "of the system.");
  s.option("sts_port", &TlsOutConfig::sts_port, "Port of MTA-STS policy hosts.").between(1, 65535);
  const auto time = [&s](std::string_view name, Duration TlsOutConfig::*member, Duration most,
                         std::string_view doc) {
    s.option(name, member, doc).between(Duration{10}, most);
  };
  time("sts_timeout", &TlsOutConfig::sts_timeout, std::chrono::hours(1),
       "Time for fetching one MTA-STS policy.");
  time("sts_pause", &TlsOutConfig::sts_pause, std::chrono::hours(24),
       "Time between two fetches of a policy when the first failed.");
  time("failed_memory", &TlsOutConfig::failed_memory, std::chrono::days(30),
       "How long a host gets messages without TLS after its opportunistic handshake failed.");
  return s;
}

tls::TlsSettings TlsOutConfig::settings(const std::filesystem::path& data) const {
  return {level,         dane, mta_sts, ca_file.string(), sts_port, {sts_timeout, sts_pause},
          failed_memory, data};
}

namespace {

// Names of sites and sources are parts of names of sites.
bool is_word(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (is_alnum(c) && c == to_lower(c)) || c == '-' || c == '_';
  });
}

std::string quoted(const std::string& text) { return '\'' + printable(text, 80) + '\''; }

std::string wrong_name(const std::string& name, const std::string& what,
                       const std::string& example) {
  return name.empty() ? "missing; name the " + what + ", as in name = \"" + example + '"'
                      : "not a name of lower-case letters, digits, '-' and '_'";
}

}  // namespace

Section<SourceConfig> SourceConfig::declare() {
  Section<SourceConfig> s;
  s.option("name", &SourceConfig::name,
           "Names the source in the names of sites. Lower-case letters, digits, `-` and `_`.");
  s.option("addresses", &SourceConfig::addresses,
           "Addresses of this machine that its deliveries come from: one of IPv4, one of IPv6, or "
           "both. Hosts of a family without one are not reached from here.");
  s.option("helo_name", &SourceConfig::helo_name,
           "Name in EHLO, which the address's PTR record should name; empty: server.hostname.");
  s.option("weight", &SourceConfig::weight,
           "Share of the messages: one with 2 gets twice as many as one with 1.")
      .between(1, 1000);
  return s;
}

Result<mx::Source> SourceConfig::source() const {
  if (!is_word(name))
    return fail(Fault::input, "name", quoted(name) + ": " + wrong_name(name, "source", "one"));
  mx::Source made{name, {}, {}, helo_name, weight};
  for (const auto& text : addresses) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(text, error);
    if (error || address.is_unspecified())
      return fail(Fault::input, "addresses",
                  quoted(text) + ": not an address; use the form 192.0.2.1");
    auto& place = address.is_v6() ? made.ipv6 : made.ipv4;
    if (place)
      return fail(Fault::input, "addresses",
                  text + " is a second address of its family; give it a source of its own");
    place = address;
  }
  if (!made.ipv4 && !made.ipv6)
    return fail(Fault::input, "addresses",
                "missing; name an address of this machine, as in addresses = [\"192.0.2.1\"]");
  return made;
}

Section<DestinationConfig> DestinationConfig::declare() {
  Section<DestinationConfig> s;
  s.option(
      "name", &DestinationConfig::name,
      "Names the site: `google` is the site mx:google. Lower-case letters, digits, `-` and `_`.");
  s.option("match", &DestinationConfig::match,
           "The domains of the site: `example.org`, `.example.org` for all subdomains; or by their "
           "mail exchangers, all of which match: `mx:mx.example.org`, `mx:.example.org`.");
  const auto number = [&s](std::string_view name, unsigned DestinationConfig::*member,
                           std::int64_t most) {
    s.option(name, member, "As in [mx], for this site; 0: that of [mx].").between(0, most);
  };
  number("connections", &DestinationConfig::connections, 1000);
  number("initial_connections", &DestinationConfig::initial_connections, 1000);
  number("failures", &DestinationConfig::failures, 100);
  s.option("rate", &DestinationConfig::rate, "As in [mx], for this site; `none`: that of [mx].");
  number("messages_per_connection", &DestinationConfig::messages_per_connection, 100'000);
  number("recipients", &DestinationConfig::recipients, 10'000);
  s.option(
      "tls", &DestinationConfig::tls,
      {{"tls_out", DestinationTls::as_tls_out},
       {"opportunistic", DestinationTls::opportunistic},
       {"required", DestinationTls::required},
       {"verify", DestinationTls::verify}},
      "As tls_out.level, for this site; `tls_out`: that one. DANE and MTA-STS come before it.");
  return s;
}

Result<void> DestinationConfig::check_name() const {
  if (is_word(name)) return {};
  return fail(Fault::input, quoted(name), wrong_name(name, "site", "google"));
}

Result<mx::MxGroup> DestinationConfig::group() const {
  auto made = mx::GroupMatch::make(match);
  if (!made) return made.error();
  mx::MxGroup group{
      {name, std::move(*made)},
      {connections, initial_connections, failures, rate, messages_per_connection, recipients},
      {}};
  if (tls == DestinationTls::opportunistic) group.tls = tls::Level::opportunistic;
  if (tls == DestinationTls::required) group.tls = tls::Level::required;
  if (tls == DestinationTls::verify) group.tls = tls::Level::verify;
  return group;
}

Section<ReplyConfig> ReplyConfig::declare() {
  using Action = mx::ReplyRule::Action;
  Section<ReplyConfig> s;
  s.option("name", &ReplyConfig::name, "Names the row, for `queue why` and the events.");
  s.option("hosts", &ReplyConfig::hosts,
           "Mail exchangers: `mx.example.org`, `.example.org` for all below. None: all.");
  s.option("codes", &ReplyConfig::codes,
           "Reply codes: `421`, `45x`, `4xx`, each with or without an enhanced code, as in "
           "`421 4.7.28` and `4xx 4.7.x`. None: all, where there is a text.");
  s.option(
      "text", &ReplyConfig::text,
      "Parts of the reply's text, one of which it has, in any case. None: all, where there are "
      "codes.");
  s.option("action", &ReplyConfig::action,
           {{"none", Action::none}, {"slow", Action::slow}, {"pause", Action::pause}},
           "`none`: the reply is about the recipient, and the site goes on. `slow`: the site gets "
           "fewer connections. `pause`: it gets nothing for a time.");
  s.option("pause", &ReplyConfig::pause, "How long the site gets nothing.")
      .between(Duration{0}, std::chrono::hours(24));
  s.option("after", &ReplyConfig::after,
           "Such replies within an hour until the pause begins; the ones before slow the site.")
      .between(1, 1000);
  return s;
}

Section<ResolverConfig> ResolverConfig::declare() {
  Section<ResolverConfig> s;
  s.option("servers", &ResolverConfig::servers,
           "Name servers: `192.0.2.1`, `192.0.2.1:53` or `[2001:db8::1]:53`; none: those of "
           "/etc/resolv.conf.");
  s.option(
      "trust_anchor_file", &ResolverConfig::trust_anchor_file,
      "File of DS or DNSKEY records that DNSSEC validation begins with; empty: the keys of the "
      "root zone.");
  s.option("name_timeout", &ResolverConfig::name_timeout, "Time for one name.")
      .between(Duration{10}, std::chrono::minutes(10));
  s.option("search_timeout", &ResolverConfig::search_timeout,
           "Time for all names that an attempt needs.")
      .between(Duration{10}, std::chrono::minutes(10));
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

}  // namespace postroad::relay
