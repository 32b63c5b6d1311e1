// See events.hpp.
#include "relay/events.hpp"

#include <array>

namespace postroad::relay {

namespace {

using observe::EventInfo;
using observe::FieldInfo;
using observe::Level;
using observe::Log;

constexpr FieldInfo domain_field{"domain", "the domain of the recipients"};
constexpr FieldInfo host_field{"host", "the mail exchanger"};

constexpr std::array verified_fields{domain_field, host_field};
constexpr EventInfo dane_verified{
    "dane.verified", Level::debug, "{host} of {domain} matches its TLSA records", verified_fields,
    "The certificate of a mail exchanger matches its TLSA records (RFC 7672)."};
constexpr EventInfo sts_verified{
    "sts.verified", Level::debug, "{host} of {domain} is verified as the MTA-STS policy demands",
    verified_fields, "The certificate of a mail exchanger is verified (RFC 8461)."};
constexpr std::array failed_fields{domain_field, host_field,
                                   FieldInfo{"policy", "what demands TLS"},
                                   FieldInfo{"reason", "the error or the answer of the DNS"}};
constexpr EventInfo dane_failed{
    "dane.failed", Level::warning, "{host} of {domain} is not used, because of DANE: {reason}",
    failed_fields,
    "A mail exchanger has no certificate that matches its TLSA records, no STARTTLS, or TLSA "
    "records that cannot be had now. The message goes to the next host, or waits."};
constexpr EventInfo sts_failed{
    "sts.failed", Level::warning, "{host} of {domain} is not used, because of MTA-STS: {reason}",
    failed_fields,
    "A mail exchanger is not listed by the domain's MTA-STS policy, or has no valid certificate or "
    "no STARTTLS. The message goes to the next host, or waits."};
constexpr std::array tested_fields{domain_field, host_field, FieldInfo{"reason", "the error"}};
constexpr EventInfo sts_tested{
    "sts.test_failed", Level::info,
    "{host} of {domain} would not be used if the MTA-STS policy were enforced: {reason}",
    tested_fields, "The MTA-STS policy of the domain is in testing mode, so the message was sent."};
constexpr EventInfo other_failed{
    "tls_out.failed", Level::warning,
    "{host} of {domain} is not used, because of {policy}: {reason}", failed_fields,
    "A mail exchanger lacks the TLS that the configuration or the message (REQUIRETLS) demands."};
constexpr std::array left_out_fields{host_field, FieldInfo{"reason", "the error"}};
constexpr EventInfo left_out{
    "tls.left_out", Level::info, "{host} gets messages without TLS for a time: {reason}",
    left_out_fields,
    "An opportunistic TLS handshake failed, and the message went without TLS. So do others to this "
    "host, until tls_out.failed_memory is over; `postroad policy show` lists these hosts."};
constexpr EventInfo fallback{
    "tls.fallback", Level::warning, "a message went to {host} without TLS: {reason}",
    left_out_fields,
    "STARTTLS is offered, and opportunistic TLS failed. The next message tries it again. Bytes "
    "between the reply to STARTTLS and the handshake can be those of an attacker."};
constexpr std::array fetched_fields{domain_field};
constexpr EventInfo fetched{"sts.fetched", Level::info,
                            "the MTA-STS policy of {domain} was fetched", fetched_fields,
                            "A new MTA-STS policy rules from now on."};
constexpr std::array unreachable_fields{domain_field, FieldInfo{"reason", "the error"}};
constexpr EventInfo unreachable{
    "sts.not_fetched", Level::warning, "the MTA-STS policy of {domain} was not fetched: {reason}",
    unreachable_fields,
    "A policy that was fetched earlier rules until its max_age is over; without one the domain has "
    "none. The next fetch is tried after tls_out.sts_pause."};
constexpr std::array purged_fields{FieldInfo{"name", "a domain or a host"}};
constexpr EventInfo purged{"policy.purged", Level::warning, "the policy of {name} was purged",
                           purged_fields,
                           "`postroad policy purge`: the MTA-STS policy of a domain, or the memory "
                           "that TLS with a host failed, is forgotten."};
constexpr std::array off_fields{FieldInfo{"reason", "the answer of the name server"}};
constexpr EventInfo off{
    "dns.not_validated", Level::error, "no DNS answer is validated, and DANE is off: {reason}",
    off_fields,
    "The name servers pass on no DNSSEC signatures, or those of other keys. Messages go on, and "
    "hosts with TLSA records are not verified. Use name servers that pass on signatures "
    "(resolver.servers), or set tls_out.dane = false."};

constexpr std::array report_fields{domain_field,
                                   FieldInfo{"uri", "where it goes; empty: that is not known"},
                                   FieldInfo{"result", "the queue id, the status or the error"}};
constexpr EventInfo report_sent{"tlsrpt.sent", Level::info,
                                "the TLS report to {domain} went to {uri}: {result}", report_fields,
                                "A report about TLS (RFC 8460) is in the queue, or was posted."};
constexpr EventInfo report_put_off{
    "tlsrpt.put_off", Level::warning, "the TLS report to {domain} could not be sent: {result}",
    report_fields, "It is tried again after tlsrpt.pause, until tlsrpt.lifetime is over."};
constexpr EventInfo report_given_up{
    "tlsrpt.given_up", Level::warning, "the TLS report to {domain} is given up: {result}",
    report_fields,
    "The address is none, or tlsrpt.lifetime is over. The domain does not get this report."};
constexpr std::array counts_fields{FieldInfo{"reason", "the error"}};
constexpr EventInfo counts_unwritten{
    "tlsrpt.disk_failed", Level::error, "the counts for TLS reports are not written: {reason}",
    counts_fields,
    "The sessions stay counted in memory. A restart would lose those of a day that were not "
    "written, or send a report again."};

constexpr std::array full_fields{FieldInfo{"sessions", "how many, so far"}};
constexpr EventInfo counts_full{
    "tlsrpt.full", Level::warning, "{sessions} sessions were not counted for TLS reports",
    full_fields,
    "There are more policies and kinds of failure than memory is kept for: 64 MiB in all, 256 KiB "
    "for one domain. Told once until there is room again."};

}  // namespace

void tls_verified(Log& log, const std::string& domain, const std::string& host,
                  const tls::HostPolicy& policy) {
  if (!log.wants(Level::debug)) return;
  if (policy.kind == tls::HostPolicy::Kind::dane) log.write(dane_verified, domain, host);
  if (policy.by == "MTA-STS") log.write(sts_verified, domain, host);
}

void tls_failed(Log& log, const std::string& domain, const std::string& host,
                const tls::HostPolicy& policy, const std::string& reason) {
  const bool is_dane = policy.by == "DANE" || policy.kind == tls::HostPolicy::Kind::dane;
  const auto& kind = is_dane ? dane_failed : policy.by == "MTA-STS" ? sts_failed : other_failed;
  log.write(kind, domain, host, policy.by, reason);
}

void sts_test_failed(Log& log, const std::string& domain, const std::string& host,
                     const std::string& reason) {
  log.write(sts_tested, domain, host, reason);
}

void tls_left_out(Log& log, const std::string& host, const std::string& reason) {
  log.write(left_out, host, reason);
}

void tls_fell_back(Log& log, const std::string& host, const std::string& reason) {
  log.write(fallback, host, reason);
}

void policy_fetched(Log& log, const std::string& domain, const std::string& failure) {
  if (failure.empty())
    log.write(fetched, domain);
  else
    log.write(unreachable, domain, failure);
}

void policy_purged(Log& log, const std::string& name) { log.write(purged, name); }

void validation_off(Log& log, const std::string& reason) { log.write(off, reason); }

void tls_report(Log& log, const tlsrpt::ReportResult& result) {
  using Kind = tlsrpt::ReportResult::Kind;
  if (result.domain.empty()) return log.write(counts_unwritten, result.text);
  const auto& kind = result.kind == Kind::sent       ? report_sent
                     : result.kind == Kind::given_up ? report_given_up
                                                     : report_put_off;
  log.write(kind, result.domain, result.uri, result.text);
}

void tls_counts_full(Log& log, std::uint64_t sessions) { log.write(counts_full, sessions); }

std::span<const EventInfo* const> event_kinds() {
  static constexpr std::array kinds{
      &dane_verified,    &dane_failed, &sts_verified, &sts_failed,     &sts_tested,
      &other_failed,     &left_out,    &fallback,     &fetched,        &unreachable,
      &purged,           &off,         &report_sent,  &report_put_off, &report_given_up,
      &counts_unwritten, &counts_full};
  return kinds;
}

}  // namespace postroad::relay
