// The report to one domain about the TLS of one period: JSON (RFC 8460 section 4.4), compressed,
// and as a message (section 5.3). Pure. Not here: where it goes (reporter.hpp).
#pragma once

#include <cstdint>
#include <postroad/message.hpp>
#include <string>

#include "relay/tlsrpt/counts.hpp"

namespace postroad::relay::tlsrpt {

inline constexpr std::string_view report_type = "application/tlsrpt+gzip";

/// The reporter: this server.
struct Submitter {
  std::string host;          ///< the domain of `contact`
  std::string organization;  ///< that runs it
  std::string contact;       ///< an address: contact-info, and From of the message
};

struct Report {
  std::string domain;  ///< of the recipients
  std::int64_t begin;  ///< Unix milliseconds
  std::int64_t end;
  DomainCounts counts;
};

/// Unique, and the same each time it is made: "1764547200.1764633600.example.org@mx.example.net".
std::string report_id(const Report& report, const Submitter& from);
std::string report_json(const Report& report, const Submitter& from);
/// gzip (RFC 1952). Throws std::bad_alloc.
std::string compress(std::string_view bytes);
/// To `to`, an address.
Message report_message(const Report& report, const Submitter& from, const std::string& to);

}  // namespace postroad::relay::tlsrpt
