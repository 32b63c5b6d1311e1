// What a server says it can do: the lines of its reply to EHLO (RFC 5321 §4.1.1.1).
//
//   ehlo-line = ehlo-keyword *( SP ehlo-param )      ; keywords without regard to case, matched
//   whole, never as a part
//
// Also taken: `AUTH=LOGIN PLAIN`, which old servers send. Everything not known is kept in `lines`
// and means nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <postroad/reply.hpp>
#include <string>
#include <vector>

namespace postroad::smtp {

struct Capabilities {
  bool esmtp = false;  ///< EHLO was answered; all else is false after HELO
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  bool enhanced_status = false;
  bool starttls = false;
  bool chunking = false;
  bool binary_mime = false;
  bool dsn = false;
  bool require_tls = false;
  bool deliver_by = false;
  std::chrono::seconds least_deliver_by{0};  ///< 0: not announced
  bool future_release = false;
  std::chrono::seconds longest_hold{0};                 ///< 0: not announced
  std::optional<std::chrono::sys_seconds> latest_hold;  ///< the time until which a mail is held
  bool mt_priority = false;
  bool prdr = false;
  bool xclient = false;
  std::vector<std::string> xclient_names;  ///< attributes that it takes, in capitals
  std::size_t most_recipients = 0;         ///< of LIMITS RCPTMAX (RFC 9422); 0: not announced
  std::size_t most_mails = 0;              ///< of LIMITS MAILMAX; 0: not announced
  std::optional<std::uint64_t> size;       ///< the limit announced; 0 announces no fixed limit
  std::vector<std::string> auth;           ///< mechanisms in capitals, in the server's order
  std::vector<std::string> lines;          ///< every line as it came, without the greeting

  [[nodiscard]] bool offers_auth(std::string_view mechanism) const;
};

/// Reads the reply to EHLO or LHLO. Never fails: a line that makes no sense is no capability.
/// Keywords of `ignored` (in capitals) are taken for absent, in `lines` too.
Capabilities parse_capabilities(const Reply& ehlo, const std::vector<std::string>& ignored = {});

}  // namespace postroad::smtp
