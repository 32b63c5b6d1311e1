// ReceivedInfo fields that a server puts before a message (RFC 5321 §4.4), and the count that finds
// a mail loop (§6.3). Every value may come from a peer: what could end a line, a comment or a
// clause becomes `?`. Not here: who adds them and when (the server and the relay).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <postroad/mailbox.hpp>

namespace postroad::mail {

/// What one Received field says. Empty texts leave their clause out.
struct ReceivedInfo {
  std::string helo;                  ///< what the client called itself
  std::string client;                ///< its address: "192.0.2.1" or "[192.0.2.1]", "2001:db8::1"
  std::string by;                    ///< this host
  std::string protocol;              ///< "SMTP", "ESMTP", "ESMTPS", "ESMTPSA" … (RFC 3848)
  std::string tls;                   ///< "TLSv1.3 TLS_AES_256_GCM_SHA384", shown as a comment
  std::string id;                    ///< queue id
  std::optional<Mailbox> recipient;  ///< only when there is exactly one: two would tell each other
  std::chrono::system_clock::time_point time;
};

/// `Received:` folded, with its CRLF.
std::string format_received(const ReceivedInfo& trace);
/// `Return-Path: <…>` CRLF; the null reverse-path gives `<>`.
std::string format_return_path(const Mailbox& reverse_path);
/// `Delivered-To: …` CRLF.
std::string format_delivered_to(const Mailbox& recipient);

}  // namespace postroad::mail
