// Any bytes as an MTA-STS policy, as the TXT record about it, and as the file that keeps it. Read
// on in src/relay/tls/sts_policy.hpp, src/relay/tls/sts_store.hpp.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "relay/tls/sts_policy.hpp"
#include "relay/tls/sts_store.hpp"

namespace {

using namespace postroad::relay::tls;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_policy(std::string_view bytes) {
  const auto policy = parse_sts_policy(bytes);
  if (!policy) return;
  require(policy->mode == StsPolicy::Mode::none || !policy->mx.empty());
  require(policy->max_age.count() >= 0);
  for (const auto& pattern : policy->mx)
    require(policy->lists(pattern.starts_with("*.") ? "x" + pattern.substr(1) : pattern));
  require(!policy->lists(""));
  // A policy that was fetched is the same after a restart.
  const KeptPolicy kept{"id1", 1, std::string(bytes), *policy};
  const auto again = parse_policy(format_policy(kept));
  require(again && again->policy == *policy && again->id == "id1" && again->text == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_policy(bytes);
  if (const auto id = sts_id({std::string(bytes)})) require(!id->empty() && id->size() <= 32);
  (void)parse_policy(bytes);
  return 0;
}
