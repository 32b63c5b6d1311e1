// The local addresses: domains, mailboxes, aliases, the catch-all. A pure table, made once and
// checked whole; the answer for an address is the same at RCPT, in VRFY and at delivery.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <postroad/mailbox.hpp>
#include <postroad/result.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::relay {

struct DirectorySettings {
  std::vector<std::string> domains;    ///< local domains; a name without one belongs to the first
  std::vector<std::string> mailboxes;  ///< local addresses that have a mailbox: `user` in every
                                       ///< local domain, or `user@domain`
  std::vector<std::string>
      aliases;  ///< `name: address, address`: the name as for mailboxes, targets local or remote
  std::string catch_all;  ///< gets the messages for unknown local names; empty: they are refused
  std::string
      plus{};  ///< characters that begin a tag: `ann+lists` is ann's; empty: there are no tags
};

/// Receives each problem with the name of the setting that has it: "aliases".
using ReportProblem = std::function<void(std::string_view setting, const Error& error)>;

class Directory final {
 public:
  /// Error: Fault::input naming the entry: an alias that leads back to itself, a target that is not
  /// an address, or a local target without a mailbox, whose messages would be lost.
  static Result<Directory> make(DirectorySettings settings);
  /// As above, but reports every problem. The result can be used when none was reported.
  static Directory make(DirectorySettings settings, const ReportProblem& report);

  [[nodiscard]] bool is_local(const Mailbox& address) const;
  /// The final recipients of a message to `address`, aliases expanded, each once; empty for an
  /// unknown local address. A remote address gives itself.
  [[nodiscard]] std::vector<Mailbox> resolve(const Mailbox& address) const;
  /// Whether final_recipients() is not empty, in a time that does not grow with an alias's members.
  [[nodiscard]] bool accepts(const Mailbox& address) const;
  /// Each remote target of an alias, and a remote catch-all, with a sentence that says so.
  [[nodiscard]] std::vector<std::pair<std::string, Mailbox>> ways_out() const;
  [[nodiscard]] const std::set<std::string, std::less<>>& domains() const { return domains_; }
  /// The members of an alias, not expanded; empty if there is no alias of that name.
  [[nodiscard]] std::vector<Mailbox> members(const Mailbox& address) const;
  /// The argument of VRFY or EXPN: an address, or a local part alone.
  [[nodiscard]] std::optional<Mailbox> find(std::string_view text) const;
  /// The folder name of a local mailbox: no separator, no leading dot, at most 200 bytes, whatever
  /// the address.
  static std::string folder_of(const Mailbox& address);

 private:
  [[nodiscard]] std::optional<std::string> key_of(const Mailbox& address) const;
  [[nodiscard]] std::string_view first_name() const;
  [[nodiscard]] std::optional<Mailbox> stand_in(const Mailbox& address) const;
  void add_alias(const std::string& entry, const ReportProblem& report);
  bool check_loops(const ReportProblem& report) const;
  void check_ends(const ReportProblem& report) const;

  std::set<std::string, std::less<>> domains_;
  std::string home_;                              // the first of them as it was listed
  std::set<std::string, std::less<>> mailboxes_;  // lower case, "user" or "user@domain"
  std::map<std::string, std::vector<Mailbox>, std::less<>> aliases_;  // by the same keys
  std::optional<Mailbox> catch_all_;
  std::string plus_;
};

}  // namespace postroad::relay
