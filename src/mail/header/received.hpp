// Formats the trace fields that a server adds to a message (RFC 5321 §4.4). Values may come from a
// peer: bytes that could end a line, a comment or a clause become `?`.
// Not here: when they are added (the server and the relay), counting them (hops.hpp).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <postroad/mailbox.hpp>

namespace postroad::mail {

/// The clauses of one Received field. An empty string omits its clause.
struct ReceivedInfo {
  std::string helo;                  ///< argument of EHLO or HELO
  std::string client;                ///< client address: "192.0.2.1", "[192.0.2.1]", "2001:db8::1"
  std::string by;                    ///< name of this host
  std::string protocol;              ///< "SMTP", "ESMTP", "ESMTPS", "ESMTPSA" … (RFC 3848)
  std::string tls;                   ///< "TLSv1.3 TLS_AES_256_GCM_SHA384", written as a comment
  std::string id;                    ///< queue id
  std::optional<Mailbox> recipient;  ///< set only for a single recipient: Bcc must not be revealed
  std::chrono::system_clock::time_point time;
};

/// `Received:`, folded, with its CRLF.
std::string format_received(const ReceivedInfo& info);
/// `Return-Path: <…>` with its CRLF; `<>` for the null reverse-path.
std::string format_return_path(const Mailbox& reverse_path);
/// `Delivered-To: …` with its CRLF.
std::string format_delivered_to(const Mailbox& recipient);

}  // namespace postroad::mail
