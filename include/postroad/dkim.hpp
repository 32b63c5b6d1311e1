// DKIM (RFC 6376, RFC 8301, RFC 8463): signing what goes out, and judging what came.
// Not here: the look-up of keys in the DNS, which the caller does: see DkimVerifier.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/secret.hpp>
#include <postroad/signer.hpp>

namespace postroad {

enum class DkimAlgorithm : std::uint8_t { rsa_sha256, ed25519_sha256 };
/// What of white space may change on the way (RFC 6376 §3.4): nothing, or its amount.
enum class DkimCanonicalization : std::uint8_t { simple, relaxed };

/// A private key for signing. Copies share it.
class POSTROAD_EXPORT DkimKey {
 public:
  /// PEM without a pass phrase, RSA or Ed25519. Error: Fault::input. RSA keys under 1024 bits are
  /// refused (RFC 8301 §3.2).
  static Result<DkimKey> parse(std::string_view pem);
  /// Error: also Fault::io with the path.
  static Result<DkimKey> from_file(const std::string& path);
  /// A new key. `bits` is for RSA, 1024 to 8192; 2048 is what every verifier takes.
  static Result<DkimKey> generate(DkimAlgorithm algorithm, unsigned bits = 2048);

  [[nodiscard]] DkimAlgorithm algorithm() const noexcept;
  [[nodiscard]] unsigned bits() const noexcept;
  [[nodiscard]] Secret pem() const;
  /// What the TXT record at `selector._domainkey.domain` has to say (RFC 6376 §3.6.1).
  [[nodiscard]] std::string record() const;
  /// Signs octets as the algorithm asks. For the implementation.
  [[nodiscard]] std::string sign(std::string_view octets) const;

 private:
  struct State;
  explicit DkimKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// How one signature is made.
struct POSTROAD_EXPORT DkimOptions {
  std::string domain;    ///< d=, who answers for the message; the domain of From, or one above it
  std::string selector;  ///< s=, which of the domain's keys
  std::string identity;  ///< i=, `[local]@domain` at `domain` or below it; empty: not written
  DkimCanonicalization header = DkimCanonicalization::relaxed;
  DkimCanonicalization body = DkimCanonicalization::relaxed;
  /// Names of the fields to sign, those that are there; empty: those of RFC 6376 §5.4.1 that a
  /// reader sees or that say how the body reads.
  std::vector<std::string> fields;
  /// Each field that a reader is shown is named once more than it occurs, so that none can be added
  /// (RFC 6376 §8.15).
  bool oversign = true;
  /// x=, so long after the time of signing; nullopt: no end.
  std::optional<std::chrono::seconds> valid_for;
  /// t=; now when it is not set.
  std::optional<std::chrono::system_clock::time_point> time;
};

/// Signs messages with one key or several, each by its own options, in one reading of the message.
/// Never writes l=: a signature covers the whole body. Signing threads may share it; `add` is for
/// one thread, before.
class POSTROAD_EXPORT DkimSigner final : public MessageSigner {
 public:
  /// Error: Fault::input for a wrong domain, selector, identity or field name, or fields without
  /// From.
  Result<void> add(DkimKey key, DkimOptions options);
  /// The newest key's signature stands first. Error: Fault::input when From is missing or occurs
  /// twice, or the header is longer than 1 MiB.
  Result<std::string> sign(MessageSource& source) const override;

 private:
  struct Entry {
    DkimKey key;
    DkimOptions options;
  };
  std::vector<Entry> entries_;
};

/// What became of one signature, in the words of RFC 8601 §2.7.1.
enum class DkimResult : std::uint8_t {
  pass,
  fail,       ///< the octets or the signature do not match, or it has expired
  policy,     ///< right, but not to be relied on: it covers a part of the body only
  neutral,    ///< it cannot be read
  temperror,  ///< the key could not be asked for: try again later
  permerror,  ///< no key, or one that cannot be used
};
/// The word, as Authentication-Results has it.
POSTROAD_EXPORT std::string_view to_string(DkimResult result) noexcept;

struct POSTROAD_EXPORT DkimVerdict {
  DkimResult result = DkimResult::neutral;
  std::string reason;     ///< why, for a person; empty for a plain pass
  std::string domain;     ///< d=
  std::string selector;   ///< s=
  std::string identity;   ///< i=, or what it stands for when it is absent
  std::string algorithm;  ///< a=
  unsigned bits = 0;      ///< of the key
  bool testing = false;   ///< the domain says that it is only trying (t=y)
};

/// Judges the signatures of one message, without I/O:
///
///   take() the message in pieces → questions() → answer() each → finish()
///
/// The message has CRLF line ends. Memory: its header (1 MiB at most) and `max_signatures` digests.
/// One thread at a time.
class POSTROAD_EXPORT DkimVerifier final {
 public:
  /// More signatures than this are not looked at: each costs the verifier a key.
  static constexpr std::size_t max_signatures = 8;

  DkimVerifier();
  DkimVerifier(DkimVerifier&&) noexcept;
  DkimVerifier& operator=(DkimVerifier&&) noexcept;
  ~DkimVerifier();

  void take(std::string_view octets);
  /// Names whose TXT records are needed, each once. Complete when all of the message was taken.
  [[nodiscard]] std::vector<std::string> questions();
  /// The TXT record of `name`, its strings joined; nullopt: there is none.
  void answer(std::string_view name, std::optional<std::string> record);
  /// The record could not be asked for; what was not answered at all counts as this, too.
  void answer_failed(std::string_view name, std::string why);
  /// One verdict a signature, in the order of the header; empty: there is none.
  [[nodiscard]] std::vector<DkimVerdict> finish(std::chrono::system_clock::time_point now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `Authentication-Results: host; dkim=pass …` with its CRLF (RFC 8601); dkim=none without
/// verdicts.
POSTROAD_EXPORT std::string format_authentication_results(std::string_view host,
                                                          const std::vector<DkimVerdict>& verdicts);

}  // namespace postroad
