// DKIM over any bytes: verdicts and body digests do not depend on the chunking, an unsigned message
// never passes, and tag lists and key records of any content are parsed. Read on in
// include/postroad/dkim.hpp and src/mailauth/dkim/signature.hpp, canonical.hpp.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <postroad/dkim.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/canonical.hpp"
#include "mailauth/dkim/signature.hpp"
#include "mailauth/dkim/tags.hpp"

namespace {

using namespace postroad;

// A key that signs nothing here.
constexpr std::string_view record =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

std::string verdicts_of(std::string_view bytes, std::size_t piece) {
  DkimVerifier verifier;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    verifier.take(bytes.substr(0, piece));
  for (const auto& name : verifier.questions()) verifier.answer(name, std::string(record));
  const auto verdicts =
      verifier.finish(std::chrono::system_clock::time_point(std::chrono::seconds(1'800'000'000)));
  if (verdicts.size() > DkimVerifier::max_signatures) std::abort();
  for (const auto& one : verdicts) {
    if (one.result == DkimResult::pass) std::abort();
  }
  const auto field = format_authentication_results("mx.example", verdicts);
  const auto block = mail::split_fields(field);
  if (block.fields.size() != 1 || block.end != field.size()) std::abort();
  return field;
}

void check_body(std::string_view bytes, std::size_t piece) {
  for (const auto form : {DkimCanonicalization::simple, DkimCanonicalization::relaxed}) {
    for (const auto limit : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(7)}) {
      dkim::BodyDigest whole(form, limit);
      whole.take(bytes);
      dkim::BodyDigest pieces(form, limit);
      for (auto rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
        pieces.take(rest.substr(0, piece));
      if (whole.finish() != pieces.finish() || whole.length() != pieces.length()) std::abort();
      if (whole.length() > bytes.size() + 2) std::abort();
    }
  }
}

void check_tags(std::string_view text) {
  const auto tags = dkim::TagList::parse(text);
  if (tags && !tags->empty() && tags->find(tags->front().name) != &tags->front()) std::abort();
  for (const auto algorithm : {DkimAlgorithm::rsa_sha256, DkimAlgorithm::ed25519_sha256}) {
    const auto found = dkim::parse_key_record(text, algorithm);
    if (found.key.has_value() != found.reason.empty()) std::abort();
  }
  const auto whole = "DKIM-Signature:" + std::string(text);
  const auto block = mail::split_fields(whole);
  if (block.fields.empty()) return;
  const auto signature = dkim::parse_signature(block.fields.front());
  if (signature.is_usable != signature.verdict.reason.empty()) std::abort();
  if (dkim::without_signature(whole).size() > whole.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = std::size_t{1} + data[0] % 16;
  if (verdicts_of(bytes, piece) != verdicts_of(bytes, std::string_view::npos)) std::abort();
  check_body(bytes, piece);
  check_tags(bytes);
  return 0;
}
