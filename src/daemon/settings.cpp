// The declaration of all tables; see settings.hpp. load_settings.cpp defines the order in which
// values are read.
#include "daemon/settings.hpp"

#include <unistd.h>

#include "mail/address/mailbox.hpp"

namespace postroad::daemon {

namespace {

config::Section<Settings> declare() {
  config::Section<Settings> s;
  s.table("server", &Settings::server, "The server process.", ServerConfig::declare());
  s.tables("listener", &Settings::listeners,
           "One table per address. Without one, a catcher listens on 127.0.0.1:2525.",
           ListenerConfig::declare());
  s.table("local", &Settings::local, "Local domains, mailboxes and aliases.",
          relay::LocalConfig::declare());
  s.table("submission", &Settings::submission, "Sender addresses of users who log in.",
          relay::SubmissionConfig::declare());
  s.table("delivery", &Settings::delivery, "Where messages go.", relay::DeliveryConfig::declare());
  s.table("retry", &Settings::retry, "When a message that was deferred is tried again.",
          relay::RetryConfig::declare());
  s.table("bounces", &Settings::bounces,
          "Delivery status notifications to senders (RFC 3461, RFC 3464).",
          relay::BouncesConfig::declare());
  s.tables("dkim", &Settings::dkim,
           "One table per key that signs the messages of users (DKIM, RFC 6376): users log in, or "
           "use a submission listener.",
           relay::DkimConfig::declare());
  s.tables("route", &Settings::routes,
           "One table per route; the first whose conditions hold is taken, at every attempt. "
           "Other messages to remote domains go to delivery.smarthost, or by mx.enabled.",
           relay::RouteConfig::declare());
  s.table("mx", &Settings::mx, "Delivery to mail exchangers (RFC 5321 section 5.1).",
          relay::MxConfig::declare());
  s.tables(
      "source", &Settings::sources,
      "One table per source: addresses of this machine that deliveries to mail exchangers come "
      "from. A message keeps its source while that can be used; limits count per site and "
      "source. None: the system chooses the address.",
      relay::SourceConfig::declare());
  s.table("tls_out", &Settings::tls_out, "TLS with mail exchangers: DANE, MTA-STS, or by choice.",
          relay::TlsOutConfig::declare());
  s.table(
      "tlsrpt", &Settings::tlsrpt,
      "Reports about the TLS of sessions with mail exchangers, to the domains that ask for them.",
      relay::TlsrptConfig::declare());
  s.tables("destination", &Settings::destinations,
           "One table per group of domains that is one site with limits of its own.",
           relay::DestinationConfig::declare());
  s.tables("reply", &Settings::replies,
           "One table per kind of temporary refusal, which tells whether the site or the recipient "
           "is its reason. These rows come before the ones that every server has (`postroad site "
           "replies`); the first that applies counts.",
           relay::ReplyConfig::declare());
  s.table("resolver", &Settings::resolver, "The DNS, for delivery to mail exchangers.",
          relay::ResolverConfig::declare());
  s.table("spool", &Settings::spool, "The store that keeps messages until they are delivered.",
          SpoolConfig::declare());
  s.table("limits", &Settings::limits, "Limits of one session.", server::LimitsConfig::declare());
  s.table("clients", &Settings::clients,
          "Limits of one client address; for IPv6, each /64 is one client.",
          server::ClientsConfig::declare());
  s.table("logins", &Settings::logins,
          "Limits of one login, from all addresses; not applied on catcher listeners.",
          server::LoginsConfig::declare());
  s.table("log", &Settings::log, "The log.", LogConfig::declare());
  s.table("metrics", &Settings::metrics, "Metrics for a monitor.", MetricsConfig::declare());
  return s;
}

}  // namespace

const config::Section<Settings>& declaration() {
  static const auto made = declare();
  return made;
}

std::string system_hostname() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || !mail::is_domain(name)) return "localhost";
  return name;
}

}  // namespace postroad::daemon
