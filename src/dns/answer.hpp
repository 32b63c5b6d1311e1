// The answer of the DNS about one name and type. Every outcome of a query is data: a caller decides
// what a missing name or a failing server means. An Error is only a query that was not made (a
// malformed name, a cancellation).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace postroad::dns {

enum class Status {
  records,            ///< there are records of that type
  no_data,            ///< the name exists and has no record of that type (NODATA)
  no_domain,          ///< the name does not exist (NXDOMAIN)
  temporary_failure,  ///< SERVFAIL, REFUSED, a malformed answer, no answer before the deadline
  bogus,              ///< the answer failed DNSSEC validation; its content is not given
};

/// DNSSEC (RFC 4035 section 4.3). Without a trust anchor above the name everything is insecure.
enum class Security { insecure, secure, bogus };

/// "NXDOMAIN" and the like; for messages.
std::string_view to_string(Status status) noexcept;
std::string_view to_string(Security security) noexcept;

/// The part that all answers have.
struct AnswerInfo {
  Status status = Status::temporary_failure;
  bool is_validated = false;   ///< the answer, also one that denies existence, is secure
  std::string canonical_name;  ///< the target of an alias (CNAME), without final dot; empty without
                               ///< an alias
  std::chrono::seconds ttl{0};  ///< the answer may be used again this long; 0 when there is none
  std::string reason;           ///< temporary_failure, bogus: one sentence
  bool is_signed = false;       ///< its records came with signatures (RRSIG), whatever they prove

  [[nodiscard]] Security security() const noexcept {
    if (status == Status::bogus) return Security::bogus;
    return is_validated ? Security::secure : Security::insecure;
  }
};

/// An answer with its records parsed. `records` is empty unless the status is Status::records.
template <class Record>
struct Answer : AnswerInfo {
  std::vector<Record> records;
};

/// An answer as a resolver receives it: `data` holds one RDATA per record, foreign bytes.
struct Response : AnswerInfo {
  std::vector<std::string> data;

  static Response failed(std::string why) {
    Response response;
    response.reason = std::move(why);
    return response;
  }
};

}  // namespace postroad::dns
