// The reverse-paths that a login may use (RFC 6409 §6.1): its own address in each local domain, the
// login itself if it is an address, what the configuration adds, and the null reverse-path. A pure
// table.
#pragma once

#include <map>
#include <postroad/mailbox.hpp>
#include <postroad/result.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "relay/local/directory.hpp"

namespace postroad::relay {

class Senders final {
 public:
  /// `entries`: `login: address, @domain`. `plus`: the characters that begin a tag of a local name,
  /// whose owner may use it with any tag. Error: Fault::input naming the entry.
  static Result<Senders> make(const std::vector<std::string>& entries,
                              const std::vector<std::string>& local_domains,
                              std::string_view plus = {});
  /// As above, but reports every problem, all of the setting "senders".
  static Senders make(const std::vector<std::string>& entries,
                      const std::vector<std::string>& local_domains, std::string_view plus,
                      const ReportProblem& report);
  [[nodiscard]] bool may_use(std::string_view login, const Mailbox& reverse_path) const;

 private:
  std::set<std::string, std::less<>> domains_;
  std::string plus_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> further_;  // lower case
};

}  // namespace postroad::relay
