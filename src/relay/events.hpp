// The events of outbound TLS and of the DNS. Each is declared once in events.cpp and logged by the
// function of its name.
#pragma once

#include <span>
#include <string>

#include "observe/log.hpp"
#include "relay/tls/tls_policy.hpp"
#include "relay/tlsrpt/reporter.hpp"

namespace postroad::relay {

/// A session has the TLS that DANE or MTA-STS demands; of other policies nothing is logged.
void tls_verified(observe::Log& log, const std::string& domain, const std::string& host,
                  const tls::HostPolicy& policy);
/// A host does not have it: dane.failed, sts.failed, or tls.failed of other policies.
void tls_failed(observe::Log& log, const std::string& domain, const std::string& host,
                const tls::HostPolicy& policy, const std::string& reason);
/// A host would not be used if a policy in testing mode were enforced.
void sts_test_failed(observe::Log& log, const std::string& domain, const std::string& host,
                     const std::string& reason);
/// A host gets messages without TLS.
void tls_left_out(observe::Log& log, const std::string& host, const std::string& reason);
/// One message went without TLS.
void tls_fell_back(observe::Log& log, const std::string& host, const std::string& reason);
/// `failure` empty: the policy was fetched.
void policy_fetched(observe::Log& log, const std::string& domain, const std::string& failure);
void policy_purged(observe::Log& log, const std::string& name);
/// A report about TLS went out, was put off or was given up; or the counts cannot be written.
void tls_report(observe::Log& log, const tlsrpt::ReportResult& result);
/// Sessions are not counted for reports.
void tls_counts_full(observe::Log& log, std::uint64_t sessions);
void validation_off(observe::Log& log, const std::string& reason);
std::span<const observe::EventInfo* const> event_kinds();

}  // namespace postroad::relay
