// MTA-STS (RFC 8461): the record and the policy by which a domain says how its mail exchangers are
// to be verified. Pure. Not here: fetching and keeping a policy (sts_policies.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::relay::tls {

struct StsPolicy {
  enum class Mode : std::uint8_t {
    none,     ///< there is no policy any longer
    testing,  ///< failures are only reported
    enforce,
  };
  Mode mode = Mode::none;
  std::vector<std::string> mx;  ///< lower case: "mx.example.org", "*.example.org" for one label
  std::chrono::seconds max_age{0};

  /// Whether the policy lists the exchanger `host` (lower case, A-labels; section 4.1).
  [[nodiscard]] bool lists(std::string_view host) const;
  friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};

std::string_view to_string(StsPolicy::Mode mode) noexcept;

/// The id of the policy: from the TXT records of `_mta-sts.DOMAIN` (section 3.1). nullopt: none of
/// them is one of this kind, or several are.
std::optional<std::string> sts_id(const std::vector<std::string>& records);

/// The text of a policy (section 3.2). Error: Fault::data with the line that is wrong.
Result<StsPolicy> parse_sts_policy(std::string_view text);

}  // namespace postroad::relay::tls
