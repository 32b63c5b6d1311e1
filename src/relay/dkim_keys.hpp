// The keys by which the server signs what its users send (DKIM, RFC 6376). Pure, once the keys are
// read. Not here: signing itself (mailauth/dkim/signing.hpp).
#pragma once

#include <filesystem>
#include <memory>
#include <postroad/dkim.hpp>
#include <postroad/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.hpp"

namespace postroad::dkim {
class Signing;
}

namespace postroad::relay {

/// `[[dkim]]`.
struct DkimConfig {
  std::string domain;
  std::string selector;
  std::filesystem::path key_file;

  static config::Section<DkimConfig> declare();
};

/// Thread rule: any thread, once all keys were added.
class DkimKeys final {
 public:
  /// Reads the key. Error: Fault::input for domain or selector; Fault::io, Fault::data for the
  /// file.
  Result<void> add(const DkimConfig& config);
  [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }
  /// The signature fields for a message from this reverse-path; `signing.end()` was called. Empty:
  /// there is no key for From, or an address of From is not in the domain of the reverse-path, or
  /// below it, which has to be in the domain of the key: the sender was checked by its
  /// reverse-path, and may not use the key of another domain.
  [[nodiscard]] std::string sign(const dkim::Signing& signing, std::string_view reverse_path) const;
  /// Signs for an address of this domain; null: there is no key.
  [[nodiscard]] std::shared_ptr<const MessageSigner> signer_for(std::string_view domain) const;

 private:
  struct Entry {
    DkimKey key;
    DkimOptions options;
  };
  [[nodiscard]] std::vector<const Entry*> find(std::string_view domain) const;
  std::vector<Entry> entries_;
};

}  // namespace postroad::relay
