// The declarations, and the settings made of them; see options.hpp.
#include "relay/options.hpp"

#include "base/text.hpp"
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
  s.option("connections", &DeliveryConfig::connections, "Concurrent connections to the smarthost.")
      .between(1, 1000);
  return s;
}

Section<RetryConfig> RetryConfig::declare() {
  constexpr Duration shortest{10};
  constexpr Duration longest{std::chrono::days(1)};
  Section<RetryConfig> s;
  s.option(
       "initial_delay", &RetryConfig::initial_delay,
       "Delay before the first retry of a deferred recipient. Doubles with each attempt, give or "
       "take 15% so that messages do not return together.")
      .between(shortest, longest)
      .formerly("delivery.initial_retry_delay")
      .formerly("delivery.first_retry");
  s.option("first_day_max_delay", &RetryConfig::first_day_max_delay,
           "Longest delay between attempts on the first day of a message.")
      .between(shortest, longest);
  s.option("max_delay", &RetryConfig::max_delay, "Longest delay between attempts after that day.")
      .between(shortest, longest)
      .formerly("delivery.max_retry_delay")
      .formerly("delivery.longest_retry");
  s.option("lifetime", &RetryConfig::lifetime,
           "Age at which a message that was not delivered is given up; 0s: never.")
      .between(Duration{0}, std::chrono::days(365))
      .formerly("delivery.lifetime");
  s.option("unknown", &RetryConfig::unknown,
           {{"resend", queue::OnUnknown::retry}, {"park", queue::OnUnknown::park}},
           "When the connection is lost after the final dot: resend counts it as 421 (RFC 5321 "
           "section 3.8), so the message may arrive twice; park never sends it again.")
      .formerly("delivery.on_unknown")
      .formerly("retry", "resend");
  return s;
}

queue::SettlementPolicy RetryConfig::policy(std::chrono::milliseconds bounce_lifetime) const {
  queue::SettlementPolicy made;
  made.retry = {initial_delay, max_delay, lifetime, first_day_max_delay};
  made.bounce_lifetime = bounce_lifetime;
  made.on_unknown = unknown;
  return made;
}

Section<BouncesConfig> BouncesConfig::declare() {
  Section<BouncesConfig> s;
  s.option(
       "delay_after", &BouncesConfig::delay_after,
       "Age of a message at which its delay is reported to the sender, once. Senders with a login "
       "and those with NOTIFY=DELAY get this report. 0s: no such reports.")
      .between(Duration{0}, std::chrono::days(365));
  s.option("tls_delay_after", &BouncesConfig::tls_delay_after,
           "The same where a TLS policy (DANE, MTA-STS, tls_out.level) is the reason of the delay. "
           "0s: no such reports.")
      .between(Duration{0}, std::chrono::days(365));
  s.option("lifetime", &BouncesConfig::lifetime,
           "Age at which a message with the null reverse-path, such as a notification, is given "
           "up; retry.lifetime if that is shorter.")
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
  made.policy.tls_delay_after = tls_delay_after;
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
  s.option("logins", &RouteConfig::logins,
           "Users who log in: `ann`, `@example.org` for all logins that end so, `*` for all. None: "
           "also messages without a login.");
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

DeliverySettings DeliveryConfig::settings(const std::string& hostname) const {
  DeliverySettings made;
  made.host = hostname;
  made.discard = local == Destination::discard;
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
