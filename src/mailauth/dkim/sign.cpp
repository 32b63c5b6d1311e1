// DkimKey and DkimSigner; see postroad/dkim.hpp. Not here: verifying (verify.cpp).
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <postroad/dkim.hpp>
#include <sstream>

#include "base/text.hpp"
#include "crypto/key.hpp"
#include "mail/address/mailbox.hpp"
#include "mail/header/fold.hpp"
#include "mailauth/dkim/signature.hpp"
#include "mailauth/dkim/signing.hpp"

namespace postroad {

struct DkimKey::State {
  crypto::PrivateKey key;
};

namespace {

constexpr unsigned least_bits = 1024;
constexpr std::size_t piece = 64;  // bytes of base64 in one word

// Fields that are displayed or that describe the body (RFC 6376 §5.4.1). They are named once more
// than they occur (oversigned).
constexpr std::array<std::string_view, 13> displayed{"From",
                                                     "Sender",
                                                     "Reply-To",
                                                     "Subject",
                                                     "Date",
                                                     "Message-ID",
                                                     "To",
                                                     "Cc",
                                                     "In-Reply-To",
                                                     "References",
                                                     "MIME-Version",
                                                     "Content-Type",
                                                     "Content-Transfer-Encoding"};
// Fields that are signed if they exist, and not oversigned, because a mailing list may add them.
// Those of reports about TLS: RFC 8460 section 5.3.
constexpr std::array<std::string_view, 16> others{"Resent-From",       "Resent-To",
                                                  "Resent-Cc",         "Resent-Date",
                                                  "Resent-Sender",     "Resent-Message-ID",
                                                  "List-Id",           "List-Help",
                                                  "List-Unsubscribe",  "List-Post",
                                                  "List-Subscribe",    "List-Owner",
                                                  "List-Archive",      "List-Unsubscribe-Post",
                                                  "TLS-Report-Domain", "TLS-Report-Submitter"};

bool is_displayed(std::string_view name) noexcept {
  return std::any_of(displayed.begin(), displayed.end(),
                     [&](std::string_view one) { return iequals(one, name); });
}

std::string_view word_of(DkimAlgorithm algorithm) noexcept {
  return algorithm == DkimAlgorithm::rsa_sha256 ? "rsa-sha256" : "ed25519-sha256";
}

std::string_view word_of(DkimCanonicalization form) noexcept {
  return form == DkimCanonicalization::simple ? "simple" : "relaxed";
}

std::size_t count_of(const std::vector<HeaderField>& fields, std::string_view name) noexcept {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [&](const HeaderField& field) { return iequals(field.name, name); }));
}

// h=: each name as often as it occurs, and the displayed ones once more.
std::vector<std::string> names_to_sign(const DkimOptions& options,
                                       const std::vector<HeaderField>& fields) {
  std::vector<std::string> wanted = options.fields;
  if (wanted.empty()) {
    wanted.assign(displayed.begin(), displayed.end());
    wanted.insert(wanted.end(), others.begin(), others.end());
  }
  std::vector<std::string> names;
  for (const auto& name : wanted) {
    const bool again = std::any_of(names.begin(), names.end(),
                                   [&](const std::string& one) { return iequals(one, name); });
    if (again) continue;
    const auto times = count_of(fields, name) + (options.oversign && is_displayed(name) ? 1 : 0);
    names.insert(names.end(), times, name);
  }
  return names;
}

void add_base64(mail::FoldedField& field, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), piece)))
    field.word(text.substr(0, piece));
}

void add_names(mail::FoldedField& field, const std::vector<std::string>& names) {
  std::string word = "h=";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (word.size() + names[i].size() > piece) {
      field.word(word);
      word.clear();
    }
    word += names[i] + (i + 1 == names.size() ? ";" : ":");
  }
  field.word(word);
}

std::int64_t seconds_of(std::chrono::system_clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
}

// The signature field up to `b=`.
mail::FoldedField begin_field(const DkimKey& key, const DkimOptions& options,
                              const std::vector<std::string>& names, const std::string& body_hash) {
  mail::FoldedField field("DKIM-Signature");
  field.word("v=1;");
  field.word("a=" + std::string(word_of(key.algorithm())) + ';');
  field.word("c=" + std::string(word_of(options.header)) + '/' +
             std::string(word_of(options.body)) + ';');
  field.word("d=" + options.domain + ';');
  field.word("s=" + options.selector + ';');
  if (!options.identity.empty()) field.word("i=" + options.identity + ';');
  const auto time = seconds_of(options.time.value_or(std::chrono::system_clock::now()));
  field.word("t=" + std::to_string(time) + ';');
  if (options.valid_for) field.word("x=" + std::to_string(time + options.valid_for->count()) + ';');
  add_names(field, names);
  field.word("bh=" + base64_encode(body_hash) + ';');
  field.word("b=");
  return field;
}

std::string signed_field(const DkimKey& key, const DkimOptions& options,
                         const std::vector<HeaderField>& fields, const std::string& body_hash) {
  const auto names = names_to_sign(options, fields);
  auto field = begin_field(key, options, names, body_hash);
  const auto unsigned_text = mail::FoldedField(field).finish();
  const auto own = mail::split_fields(unsigned_text).fields.front();
  add_base64(field,
             base64_encode(key.sign(dkim::digest_input(fields, names, options.header, own))));
  return std::move(field).finish();
}

}  // namespace

Result<void> dkim::check_options(const DkimOptions& options) {
  const auto refuse = [](std::string where, std::string why) {
    return fail(Fault::input, "DKIM " + std::move(where), std::move(why));
  };
  const auto ascii = [](std::string_view text) {
    return std::none_of(text.begin(), text.end(), is_8bit) && text.find('[') == std::string::npos;
  };
  if (!mail::is_domain(options.domain) || !ascii(options.domain))
    return refuse("domain", "not an ASCII domain name: \"" + printable(options.domain, 80) +
                                "\"; use the domain of From, such as example.org");
  if (!mail::is_domain(options.selector) || !ascii(options.selector))
    return refuse("selector",
                  "not an ASCII domain name: \"" + printable(options.selector, 80) + '"');
  for (const auto& name : options.fields) {
    if (!mail::is_field_name(name) || name.find(';') != std::string::npos || name.size() > piece)
      return refuse("field name", "invalid field name \"" + printable(name, 80) + '"');
  }
  if (!options.fields.empty() &&
      std::none_of(options.fields.begin(), options.fields.end(),
                   [](const std::string& name) { return iequals(name, "From"); }))
    return refuse("fields", "From is missing; it must be signed (RFC 6376 §5.4)");
  if (options.identity.empty()) return {};
  const auto at = options.identity.rfind('@');
  const auto domain = at == std::string::npos ? std::string() : options.identity.substr(at + 1);
  const bool below = dkim::is_at_or_below(domain, options.domain);
  const bool clean = std::all_of(options.identity.begin(), options.identity.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != ';' && c != '=';
  });
  if (!below || !clean || !mail::is_domain(domain))
    return refuse("identity", "\"" + printable(options.identity, 80) +
                                  "\" is not [local]@domain in the signing domain or a subdomain");
  return {};
}

Result<DkimKey> DkimKey::parse(std::string_view pem) {
  auto key = crypto::PrivateKey::parse(pem);
  if (!key) return fail(Fault::input, "DKIM key", key.error().detail);
  if (key->kind() == crypto::KeyKind::rsa && key->bits() < least_bits)
    return fail(Fault::input, "DKIM key",
                "an RSA key of " + std::to_string(key->bits()) +
                    " bits: verifiers refuse fewer than 1024 (RFC 8301); generate one of 2048");
  return DkimKey(std::make_shared<const State>(State{std::move(*key)}));
}

Result<DkimKey> DkimKey::from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(Fault::io, path, std::string("the key cannot be read: ") + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  Secret pem(std::move(text).str());
  auto key = parse(pem.reveal());
  if (!key) return fail(Fault::data, path, key.error().detail);
  return key;
}

Result<DkimKey> DkimKey::generate(DkimAlgorithm algorithm, unsigned bits) {
  auto key = crypto::PrivateKey::generate(
      algorithm == DkimAlgorithm::rsa_sha256 ? crypto::KeyKind::rsa : crypto::KeyKind::ed25519,
      bits);
  if (!key) return fail(Fault::input, "DKIM key", key.error().detail);
  return DkimKey(std::make_shared<const State>(State{std::move(*key)}));
}

DkimAlgorithm DkimKey::algorithm() const noexcept {
  return state_->key.kind() == crypto::KeyKind::rsa ? DkimAlgorithm::rsa_sha256
                                                    : DkimAlgorithm::ed25519_sha256;
}

unsigned DkimKey::bits() const noexcept { return state_->key.bits(); }

Secret DkimKey::pem() const { return state_->key.pem(); }

std::string DkimKey::record() const {
  const bool rsa = algorithm() == DkimAlgorithm::rsa_sha256;
  return std::string("v=DKIM1; k=") + (rsa ? "rsa" : "ed25519") +
         "; p=" + base64_encode(state_->key.public_bytes());
}

// Ed25519 signs the SHA-256 digest of the input (RFC 8463 §3).
std::string DkimKey::sign(std::string_view bytes) const {
  if (algorithm() == DkimAlgorithm::rsa_sha256) return state_->key.sign(bytes);
  return state_->key.sign(crypto::digest(crypto::Digest::sha256, bytes));
}

Result<void> DkimSigner::add(DkimKey key, DkimOptions options) {
  if (auto fine = dkim::check_options(options); !fine) return fine.error();
  entries_.push_back({std::move(key), std::move(options)});
  return {};
}

void dkim::Signing::take(std::string_view bytes) {
  if (!scanner_.take(bytes)) return;
  for (std::size_t form = 0; form < digests_.size(); ++form)
    if (wanted_[form]) digests_[form].take(bytes);
}

Result<void> dkim::Signing::end() {
  if (scanner_.is_too_long())
    return fail(Fault::input, "DKIM", "cannot sign a header longer than 1 MiB");
  fields_ = mail::split_fields(scanner_.header()).fields;
  if (count_of(fields_, "From") != 1)
    return fail(Fault::input, "DKIM",
                "cannot sign: the message must have exactly one From field and has " +
                    std::to_string(count_of(fields_, "From")));
  for (std::size_t form = 0; form < digests_.size(); ++form)
    if (wanted_[form]) hashes_[form] = digests_[form].finish();
  return {};
}

std::string dkim::Signing::sign(const DkimKey& key, const DkimOptions& options) const {
  return signed_field(key, options, fields_, hashes_[static_cast<std::size_t>(options.body)]);
}

Result<std::string> DkimSigner::sign(MessageSource& source) const {
  const auto wants = [this](DkimCanonicalization form) {
    return std::any_of(entries_.begin(), entries_.end(),
                       [form](const Entry& entry) { return entry.options.body == form; });
  };
  dkim::Signing signing(wants(DkimCanonicalization::simple), wants(DkimCanonicalization::relaxed));
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    signing.take(*chunk);
  }
  if (const auto ended = signing.end(); !ended) return ended.error();
  std::string out;
  for (const auto& [key, options] : entries_) out.insert(0, signing.sign(key, options));
  return out;
}

}  // namespace postroad
