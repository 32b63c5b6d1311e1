// The options of reports about TLS; see options.hpp.
#include <postroad/mailbox.hpp>

#include "relay/options.hpp"

namespace postroad::relay {

using config::Duration;
using config::Section;

Section<TlsrptConfig> TlsrptConfig::declare() {
  Section<TlsrptConfig> s;
  s.option("enabled", &TlsrptConfig::enabled,
           "Sessions with mail exchangers are counted, and each domain whose record "
           "`_smtp._tls.DOMAIN` asks for it gets a report per day (RFC 8460).");
  s.option("organization", &TlsrptConfig::organization,
           "Name of the organization that sends the reports; empty: server.hostname.");
  s.option(
      "contact", &TlsrptConfig::contact,
      "Address in the reports and in From of those that go by mail; empty: postmaster at "
      "server.hostname. ASCII. The key of [[dkim]] for its domain signs them: receivers ignore "
      "reports by mail without that signature.");
  const auto time = [&s](std::string_view name, Duration TlsrptConfig::*member, Duration least,
                         Duration most, std::string_view doc) {
    s.option(name, member, doc).between(least, most);
  };
  time("delay", &TlsrptConfig::delay, Duration{0}, std::chrono::hours(24),
       "Reports go out at random times within this one after the end of the UTC day.");
  time(
      "pause", &TlsrptConfig::pause, Duration{1000}, std::chrono::hours(24),
      "Time until a report that could not be sent is tried again; it doubles each time, up to 4h.");
  time("lifetime", &TlsrptConfig::lifetime, Duration{1000}, std::chrono::hours(7 * 24),
       "How long it is tried. A report that goes by mail waits no longer in the queue.");
  time("timeout", &TlsrptConfig::timeout, Duration{1000}, std::chrono::hours(1),
       "Time for one DNS query, and for one post by HTTPS.");
  return s;
}

tlsrpt::ReporterSettings TlsrptConfig::settings(const std::string& hostname) const {
  tlsrpt::ReporterSettings made;
  made.enabled = enabled;
  made.from.organization = organization.empty() ? hostname : organization;
  made.from.contact = contact.empty() ? "postmaster@" + hostname : contact;
  // RFC 8460 section 5.3: the submitter is the domain of the contact.
  const auto address = Mailbox::parse(made.from.contact);
  made.from.host = address ? canonical_domain(address->domain) : hostname;
  made.delay = delay;
  made.pause = pause;
  made.lifetime = lifetime;
  made.timeout = timeout;
  return made;
}

}  // namespace postroad::relay
