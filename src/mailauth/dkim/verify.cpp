// DkimVerifier and Authentication-Results; see postroad/dkim.hpp. Not here: parsing signatures and
// key records (signature.cpp).
#include <algorithm>
#include <array>
#include <map>
#include <postroad/dkim.hpp>

#include "base/text.hpp"
#include "mail/header/fold.hpp"
#include "mailauth/dkim/canonical.hpp"
#include "mailauth/dkim/message_scanner.hpp"
#include "mailauth/dkim/signature.hpp"

namespace postroad {

namespace {

struct Answer {
  std::optional<std::string> record;
  std::string failure;  // why the DNS query failed; empty if it succeeded
};

// One signature and the running digest of the body.
struct Candidate {
  dkim::Signature signature;
  std::size_t field = 0;  // its index in the header
  std::optional<dkim::BodyDigest> body;
};

DkimVerdict with(DkimVerdict verdict, DkimResult result, std::string reason) {
  verdict.result = result;
  verdict.reason = std::move(reason);
  return verdict;
}

std::uint64_t unix_seconds(std::chrono::system_clock::time_point when) {
  const auto since =
      std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
  return since < 0 ? 0 : static_cast<std::uint64_t>(since);
}

}  // namespace

struct DkimVerifier::State {
  dkim::MessageScanner scanner;
  std::vector<HeaderField> fields;
  std::vector<Candidate> candidates;
  std::map<std::string, Answer, std::less<>> answers;
  bool begun = false;

  void begin();
  DkimVerdict verify(Candidate& one, std::uint64_t now);
  DkimVerdict verify_with_key(Candidate& one, const std::string& record,
                              const std::string& body_hash);
};

void DkimVerifier::State::begin() {
  if (begun) return;
  begun = true;
  fields = mail::split_fields(scanner.header(), std::string::npos).fields;
  for (std::size_t i = 0; i < fields.size() && candidates.size() < max_signatures; ++i) {
    if (!iequals(fields[i].name, "DKIM-Signature")) continue;
    Candidate one{dkim::parse_signature(fields[i]), i, std::nullopt};
    if (one.signature.is_usable && scanner.is_too_long()) {
      one.signature.is_usable = false;
      one.signature.verdict.reason = "the header is longer than 1 MiB";
    }
    if (one.signature.is_usable) one.body.emplace(one.signature.body, one.signature.length);
    candidates.push_back(std::move(one));
  }
}

DkimVerdict DkimVerifier::State::verify_with_key(Candidate& one, const std::string& record,
                                                 const std::string& body_hash) {
  const auto& signature = one.signature;
  auto verdict = signature.verdict;
  const auto found = dkim::parse_key_record(record, signature.algorithm);
  verdict.testing = found.testing;
  if (!found.key) return with(verdict, DkimResult::permerror, found.reason);
  verdict.bits = found.key->bits();
  const auto at = verdict.identity.rfind('@');
  if (found.same_domain_only && !iequals(verdict.identity.substr(at + 1), verdict.domain))
    return with(verdict, DkimResult::permerror, "the key does not allow a subdomain in i= (t=s)");
  if (body_hash != signature.body_hash)
    return with(verdict, DkimResult::fail, "the body was changed");
  auto others = fields;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(one.field));
  const auto text = dkim::without_signature(fields[one.field].whole);
  const auto own = mail::split_fields(text, std::string::npos).fields;
  if (own.empty()) return with(verdict, DkimResult::neutral, "the field is invalid");
  auto input = dkim::digest_input(others, signature.fields, signature.header, own.front());
  if (signature.algorithm == DkimAlgorithm::ed25519_sha256)
    input = crypto::digest(crypto::Digest::sha256, input);
  if (!found.key->verify(input, signature.bytes))
    return with(verdict, DkimResult::fail,
                "a signed field was changed, or the key does not match the signature");
  if (signature.length && one.body->length() > *signature.length)
    return with(verdict, DkimResult::policy,
                "the signature covers only " + std::to_string(*signature.length) + " of " +
                    std::to_string(one.body->length()) + " bytes of the body (l=)");
  return with(verdict, DkimResult::pass, {});
}

DkimVerdict DkimVerifier::State::verify(Candidate& one, std::uint64_t now) {
  const auto& signature = one.signature;
  if (!signature.is_usable) return signature.verdict;
  const auto body_hash = one.body->finish();
  if (signature.expires && *signature.expires < now)
    return with(signature.verdict, DkimResult::fail, "the signature has expired");
  if (signature.length && *signature.length > one.body->length())
    return with(signature.verdict, DkimResult::permerror, "l= exceeds the length of the body");
  const auto answer = answers.find(signature.question());
  if (answer == answers.end() || !answer->second.failure.empty())
    return with(signature.verdict, DkimResult::temperror,
                "the DNS query for the key failed" +
                    (answer == answers.end() ? std::string() : ": " + answer->second.failure));
  if (!answer->second.record)
    return with(signature.verdict, DkimResult::permerror,
                "no key record at " + signature.question());
  return verify_with_key(one, *answer->second.record, body_hash);
}

DkimVerifier::DkimVerifier() : state_(std::make_unique<State>()) {}
DkimVerifier::DkimVerifier(DkimVerifier&&) noexcept = default;
DkimVerifier& DkimVerifier::operator=(DkimVerifier&&) noexcept = default;
DkimVerifier::~DkimVerifier() = default;

void DkimVerifier::take(std::string_view bytes) {
  if (!state_->scanner.take(bytes)) return;
  state_->begin();
  for (auto& one : state_->candidates) {
    if (one.body) one.body->take(bytes);
  }
}

std::vector<std::string> DkimVerifier::questions() {
  state_->begin();
  std::vector<std::string> names;
  for (const auto& one : state_->candidates) {
    if (!one.signature.is_usable) continue;
    auto name = one.signature.question();
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

void DkimVerifier::answer(std::string_view name, std::optional<std::string> record) {
  state_->answers.insert_or_assign(lower(name), Answer{std::move(record), {}});
}

void DkimVerifier::answer_failed(std::string_view name, std::string why) {
  if (why.empty()) why = "no answer";
  state_->answers.insert_or_assign(lower(name), Answer{std::nullopt, std::move(why)});
}

std::vector<DkimVerdict> DkimVerifier::finish(std::chrono::system_clock::time_point now) {
  state_->begin();
  std::vector<DkimVerdict> verdicts;
  for (auto& one : state_->candidates) verdicts.push_back(state_->verify(one, unix_seconds(now)));
  return verdicts;
}

std::string_view to_string(DkimResult result) noexcept {
  static constexpr std::array<std::string_view, 6> words{"pass",    "fail",      "policy",
                                                         "neutral", "temperror", "permerror"};
  return words[static_cast<std::size_t>(result)];
}

std::string format_authentication_results(std::string_view host,
                                          const std::vector<DkimVerdict>& verdicts) {
  const auto safe = [](std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 255)) {
      const bool plain =
          c > ' ' && c < 0x7f && std::string_view("()\\\";").find(c) == std::string_view::npos;
      out += plain || c == ' ' ? c : '?';
    }
    return out;
  };
  const auto word = [&](std::string_view text) {
    auto out = safe(text);
    std::replace(out.begin(), out.end(), ' ', '?');
    return out;
  };
  mail::FoldedField field("Authentication-Results");
  field.word(word(host) + ';');
  if (verdicts.empty()) field.word("dkim=none");
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& one = verdicts[i];
    field.word("dkim=" + std::string(to_string(one.result)));
    if (!one.reason.empty()) field.word("reason=\"" + safe(one.reason) + '"');
    if (!one.domain.empty()) field.word("header.d=" + word(one.domain));
    if (!one.selector.empty()) field.word("header.s=" + word(one.selector));
    if (!one.algorithm.empty()) field.word("header.a=" + word(one.algorithm));
    if (i + 1 < verdicts.size()) field.glue(";");
  }
  return std::move(field).finish();
}

}  // namespace postroad
