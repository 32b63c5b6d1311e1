// Options of the client machine; see client_machine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <postroad/client_policy.hpp>
#include <postroad/stage.hpp>
#include <string>
#include <utility>
#include <vector>

#include "proto/sasl/mechanism.hpp"
#include "proto/smtp/reply.hpp"

namespace postroad::smtp {

/// RFC 5321 section 4.5.3.2.
struct ClientTimeouts {
  std::chrono::milliseconds greeting{300'000};
  std::chrono::milliseconds command{300'000};
  std::chrono::milliseconds data{120'000};
  std::chrono::milliseconds data_block{180'000};
  std::chrono::milliseconds end_of_data{600'000};
  std::chrono::milliseconds handshake{60'000};
};

/// Bounds on the memory and the repetitions that one server can cause in the client.
struct ClientLimits {
  ReplyLimits replies;
  /// Commands awaiting their replies: unread replies must fit the socket buffer.
  std::size_t window = 100;
  std::size_t chunks = 8;      ///< BDATs awaiting their replies
  std::size_t challenges = 8;  ///< 334 replies in one AUTH: stops endless exchanges
};

struct ClientOptions {
  std::string server;              ///< how errors name the peer: "mail.example:587"
  std::string name = "localhost";  ///< the name in EHLO: a domain or an address literal
  bool plain_helo = false;         ///< HELO in place of EHLO: no extensions
  Tls tls = Tls::opportunistic;    ///< never automatic: the caller has decided
  std::optional<sasl::Credentials> login;
  std::string host;  ///< the server's name, for OAUTHBEARER
  std::uint16_t port = 0;
  std::string nonce;      ///< for SCRAM, set by tests; empty: random
  std::string mechanism;  ///< only this SASL mechanism; empty: the strongest common one
  bool allow_password_in_clear = false;
  /// How an error names that option; empty: it cannot be set.
  std::string name_of_password_in_clear = "allow_password_in_clear";
  /// How errors name the options of the login; empty: they do not.
  std::string name_of_user;
  std::string name_of_password;
  RecipientPolicy recipient_policy = RecipientPolicy::best_effort;
  bool pipelining = true;
  Chunking chunking = Chunking::when_needed;
  /// Leaves out options of MailOptions and RecipientOptions that the server lacks, as RFC 3461,
  /// 4865 and 6710 let a relay do; never REQUIRETLS and BY=…;R.
  bool drops_options = false;
  bool prdr = true;   ///< used where it is offered and the message has several recipients
  bool lmtp = false;  ///< LHLO, and a reply per recipient after the message (RFC 2033)
  /// EHLO keywords, in capitals, that count as absent: extensions that do not work at this server.
  std::vector<std::string> ignored;
  /// Names and values of the client for which this proxy speaks, sent by XCLIENT before AUTH. Where
  /// the server does not offer it, the session ends.
  std::vector<std::pair<std::string, std::string>> xclient;
  /// Bytes sent before everything else, TLS too: a PROXY header (proto/proxy/header.hpp).
  std::string preamble;
  /// Ends the session once this stage was answered (`message_data`: all but the final dot was
  /// sent), with QUIT or, with `cuts`, by closing. The operation ends with Fault::cancelled.
  std::optional<Stage> stop_after;
  bool cuts = false;
  ClientTimeouts timeouts;
  ClientLimits limits;
};

}  // namespace postroad::smtp
