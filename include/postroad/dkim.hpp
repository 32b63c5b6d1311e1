// DKIM (RFC 6376, RFC 8301, RFC 8463): keys, signing outgoing messages, verifying received ones.
// Not here: DNS queries for keys; the caller makes them (see DkimVerifier). Read on in signer.hpp.
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

/// Signature algorithms. rsa-sha1 is refused (RFC 8301 §3.1).
enum class DkimAlgorithm : std::uint8_t { rsa_sha256, ed25519_sha256 };
/// Canonicalization (RFC 6376 §3.4): which changes of whitespace in transit a signature tolerates.
/// simple: almost none; relaxed: changes in the amount.
enum class DkimCanonicalization : std::uint8_t { simple, relaxed };

/// A private key for signing. Copies share it; any thread may use it.
class POSTROAD_EXPORT DkimKey {
 public:
  /// Parses an RSA or Ed25519 key in PEM without a pass phrase. Error: Fault::input, also for an
  /// RSA key below 1024 bits (RFC 8301 §3.2).
  static Result<DkimKey> parse(std::string_view pem);
  /// Reads and parses a key file. Error: Fault::data with the path and the reason of parse();
  /// Fault::io with the path if it cannot be read.
  static Result<DkimKey> from_file(const std::string& path);
  /// Generates a key. `bits` is the RSA key size, 1024 to 8192; every verifier accepts 2048. Error:
  /// Fault::input for another size.
  static Result<DkimKey> generate(DkimAlgorithm algorithm, unsigned bits = 2048);

  [[nodiscard]] DkimAlgorithm algorithm() const noexcept;
  /// Key size in bits.
  [[nodiscard]] unsigned bits() const noexcept;
  /// The private key in PEM (PKCS #8).
  [[nodiscard]] Secret pem() const;
  /// The content of the TXT record at `selector._domainkey.domain` (RFC 6376 §3.6.1).
  [[nodiscard]] std::string record() const;
  /// Signs bytes with the algorithm of the key (RFC 8463 §3 for Ed25519). Used by DkimSigner.
  [[nodiscard]] std::string sign(std::string_view bytes) const;

 private:
  struct State;
  explicit DkimKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// Parameters of one signature (RFC 6376 §3.5).
struct POSTROAD_EXPORT DkimOptions {
  std::string domain{};    ///< d=, the signing domain: that of From or a parent of it
  std::string selector{};  ///< s=, the name of the key within the domain
  std::string identity{};  ///< i=, `[local]@domain` at or below `domain`; empty: not written
  DkimCanonicalization header = DkimCanonicalization::relaxed;
  DkimCanonicalization body = DkimCanonicalization::relaxed;
  /// Names of the fields to sign, if the message has them. Empty: the fields of RFC 6376 §5.4.1
  /// that are displayed or that describe the body.
  std::vector<std::string> fields{};
  /// Names each displayed field once more in h= than it occurs, so that adding one breaks the
  /// signature (RFC 6376 §8.15).
  bool oversign = true;
  /// x=, as time after t=; unset: the signature does not expire.
  std::optional<std::chrono::seconds> valid_for{};
  /// t=; unset: the current time.
  std::optional<std::chrono::system_clock::time_point> time{};
};

/// Signs messages with one or more keys, each with its own options, in one pass over the message.
/// It never writes l=: a signature covers the whole body. Call `add` from one thread first; then
/// any number of threads may sign.
class POSTROAD_EXPORT DkimSigner final : public MessageSigner {
 public:
  /// Adds a key. Error: Fault::input for an invalid domain, selector, identity or field name, or
  /// fields without From.
  Result<void> add(DkimKey key, DkimOptions options);
  /// The signature of the key added last comes first. Error: Fault::input if the message does not
  /// have exactly one From field or its header is longer than 1 MiB.
  Result<std::string> sign(MessageSource& source) const override;

 private:
  struct Entry {
    DkimKey key;
    DkimOptions options;
  };
  std::vector<Entry> entries_;
};

/// Result of verifying one signature (RFC 8601 §2.7.1).
enum class DkimResult : std::uint8_t {
  pass,
  fail,       ///< the message or the signature was changed, or the signature has expired
  policy,     ///< valid, but not accepted because it covers only a part of the body (l=)
  neutral,    ///< the signature has a syntax error
  temperror,  ///< the DNS query for the key failed: try again later
  permerror,  ///< the key does not exist or cannot be used
};
/// The result as Authentication-Results writes it.
POSTROAD_EXPORT std::string_view to_string(DkimResult result) noexcept;

/// Result and identifiers of one signature.
struct POSTROAD_EXPORT DkimVerdict {
  DkimResult result = DkimResult::neutral;
  std::string reason{};     ///< one sentence for people; empty for pass
  std::string domain{};     ///< d=
  std::string selector{};   ///< s=
  std::string identity{};   ///< i=, or its default `@` and d=
  std::string algorithm{};  ///< a=
  unsigned bits = 0;        ///< size of the key; 0 if it was not read
  bool testing = false;     ///< the key record has t=y: the domain is testing DKIM
};

/// Verifies the signatures of one message, without I/O:
///
///   take() the message in pieces → questions() → answer() each → finish()
///
/// The message must have CRLF line ends. Memory: its header (at most 1 MiB) and one digest per
/// signature. One thread at a time.
class POSTROAD_EXPORT DkimVerifier final {
 public:
  /// Further signatures are ignored, because each costs a DNS query and a public-key operation.
  static constexpr std::size_t max_signatures = 8;

  DkimVerifier();
  DkimVerifier(DkimVerifier&&) noexcept;
  DkimVerifier& operator=(DkimVerifier&&) noexcept;
  ~DkimVerifier();

  /// The next bytes of the message, in pieces of any size; not kept.
  void take(std::string_view bytes);
  /// Names whose TXT records are needed, each once. Complete once the whole message was taken.
  [[nodiscard]] std::vector<std::string> questions();
  /// The TXT record of `name`, its strings joined; nullopt: the record does not exist.
  void answer(std::string_view name, std::optional<std::string> record);
  /// The DNS query failed, for the reason `why`. A question without an answer counts as failed.
  void answer_failed(std::string_view name, std::string why);
  /// One verdict per signature, in the order of the header; empty for an unsigned message.
  [[nodiscard]] std::vector<DkimVerdict> finish(std::chrono::system_clock::time_point now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Formats `Authentication-Results: host; dkim=pass …` with its CRLF (RFC 8601); dkim=none if there
/// are no verdicts. Bytes that could end a line or a quoted string become `?`.
POSTROAD_EXPORT std::string format_authentication_results(std::string_view host,
                                                          const std::vector<DkimVerdict>& verdicts);

}  // namespace postroad
